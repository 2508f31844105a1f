import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { startMailServer } from '../helpers/mail.js'
import { cheapHash } from '../helpers/replicas.js'

const mail = { to: 'jane@example.com', subject: 'Grüße 🚪', text: 'Ein Wort,\nund noch eins.\n' }

t.test('a mail is delivered unchanged, from the configured sender', async (t) => {
  const server = await startMailServer(t)
  const app = await startApp(t, { SMTP_URL: server.url, MAIL_FROM: 'Latchkey <door@example.com>' })
  app.sendMail(mail)
  t.same(await server.mailTo(mail.to, mail.subject), mail)
})

t.test('closing waits for the mails that are being sent', async (t) => {
  const server = await startMailServer(t)
  const app = await startApp(t, { SMTP_URL: server.url })
  for (let i = 0; i < 10; i++) app.sendMail(mail)
  await app.close()
  t.equal(server.mails.length, 10)
})

t.test('a mail that cannot be sent is dropped, and the service keeps running', async (t) => {
  const app = await startApp(t, { SMTP_URL: 'smtp://127.0.0.1:1' })
  app.sendMail(mail)
  t.equal((await app.inject('/livez')).statusCode, 200)
  await t.resolves(app.close())
})

t.test('production without a mail server writes no mail, and refuses requests that need it', async (t) => {
  const folder = t.testdir()
  const app = await startApp(t, {
    NODE_ENV: 'production',
    ISSUER: 'https://latchkey.example.com',
    DATABASE_URL: 'postgres://latchkey@db/latchkey',
    JWT_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
    BCRYPT_COST: '10',
    DATA_DIRECTORY: folder,
  })
  const hash = { hashedPassword: cheapHash, rehashedAt: new Date() }
  await app.database.user.create({ data: { username: 'janedoe', ...hash } })
  const token = await logIn(app, 'janedoe', 'secret')
  const email = 'jane@example.com'
  for (const answer of [
    await as(app, null).post('/account/forgot-password', { email }),
    await as(app, token).patch('/users/me/', { email }),
  ]) {
    t.equal(answer.statusCode, 403)
    t.same(answer.json(), { detail: 'This deployment sends no mail', code: 'mail_disabled' })
  }
  t.equal((await as(app, token).patch('/users/me/', { full_name: 'John' })).statusCode, 200)
  app.sendMail(mail)
  await app.close()
  t.same(await readdir(folder), [])
})

t.test('mails are dropped while a thousand are waiting', async (t) => {
  const folder = t.testdir()
  const app = await startApp(t, { DATA_DIRECTORY: folder })
  for (let i = 0; i < 1_010; i++) app.sendMail(mail)
  await app.close()
  t.equal((await readdir(join(folder, 'mail'))).length, 1_000)
})

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { parseMail, startMailServer, tokenIn } from '../helpers/mail.js'
import { until } from '../helpers/wait.js'

const confirmation = 'Confirm your e-mail address'
const reset = 'Set a new password'
const password = 'correct horse'

async function start(t: import('tap').Test) {
  const mail = await startMailServer(t)
  const app = await startApp(t, { SMTP_URL: mail.url, ISSUER: 'https://latchkey.example.com' })
  const post = (path: string, body: object) => as(app, null).post(`/account/${path}`, body)
  return { mail, app, post }
}

t.test('an address is confirmed by following its link', async (t) => {
  const { mail, app, post } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const patched = await as(app, token).patch('/users/me/', {
    email: 'john@new.example',
    password: 'secret',
  })
  t.match(patched.json(), { email: 'john@new.example' })
  const stored = () => app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  t.match(await stored(), { email: 'johndoe@example.com', pendingEmail: 'john@new.example' })
  await mail.mailTo('johndoe@example.com', 'Your e-mail address was changed')

  const sent = await mail.mailTo('john@new.example', confirmation)
  t.match(sent.text, /https:\/\/latchkey\.example\.com\/account\/confirm-email#[\w-]{43}\n/)
  t.match(sent.text, 'johndoe')
  for (const bad of ['x', `${tokenIn(sent)}x`])
    t.match(await post('confirm-email', { token: bad }), { statusCode: 400 })
  t.equal(
    (await post('reset-password', { token: tokenIn(sent), password })).statusCode,
    400,
    'a link serves one purpose only',
  )
  t.equal((await post('confirm-email', { token: tokenIn(sent) })).statusCode, 204)
  t.match(await stored(), { email: 'john@new.example', pendingEmail: null })
  const again = await post('confirm-email', { token: tokenIn(sent) })
  t.equal(again.statusCode, 400)
  t.same(again.json(), { detail: 'The link is unknown, used or expired', code: 'invalid_link' })
  t.match((await as(app, token).patch('/users/me/', { email: null, password: 'secret' })).json(), {
    email: null,
  })
  t.match(await stored(), { email: null, emailKey: null, pendingEmail: null })
})

t.test('a link confirms nothing after it expires or its address is replaced', async (t) => {
  const { mail, app, post } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  await as(app, token).patch('/users/me/', { email: 'one@new.example', password: 'secret' })
  await as(app, token).patch('/users/me/', { email: 'two@new.example', password: 'secret' })
  const [one, two] = [
    await mail.mailTo('one@new.example', confirmation),
    await mail.mailTo('two@new.example', confirmation),
  ]
  t.equal((await post('confirm-email', { token: tokenIn(one) })).statusCode, 400)
  await app.database.oneTimeToken.updateMany({ data: { expiresAt: new Date(0) } })
  t.equal((await post('confirm-email', { token: tokenIn(two) })).statusCode, 400)
})

t.test('an address of another user can be neither taken nor discovered', async (t) => {
  const { mail, app, post } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const [taken, free] = ['ALICE@example.com', 'nobody@example.com']
  const answers = []
  for (const email of [free, taken])
    answers.push(await as(app, token).patch('/users/me/', { email, password: 'secret' }))
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [200, 200],
  )
  t.equal(answers[1]?.body.replace(taken, free), answers[0]?.body)
  const sent = await mail.mailTo(taken, confirmation)
  const response = await post('confirm-email', { token: tokenIn(sent) })
  t.equal(response.statusCode, 409)
  t.match(await app.database.user.findUniqueOrThrow({ where: { username: 'alice' } }), {
    email: 'alice@example.com',
  })
})

t.test('a mailed link resets the password and revokes all tokens', async (t) => {
  const { mail, app, post } = await start(t)
  const session = await logIn(app, 'johndoe', 'secret')
  const answers = []
  for (const email of [
    'JohnDoe@example.com',
    'nobody@example.com',
    'alice@example.com',
    'JohnDoe@example.com',
  ])
    answers.push(await post('forgot-password', { email }))
  for (const { statusCode, body } of answers)
    t.match({ statusCode, body }, { statusCode: 202, body: answers[0]?.body })
  const sent = await mail.mailTo('johndoe@example.com', reset)
  t.match(sent.text, /https:\/\/latchkey\.example\.com\/account\/reset-password#[\w-]{43}\n/)
  const token = tokenIn(sent)

  const weak = await post('reset-password', { token, password: 'johndoe@example.com' })
  t.equal(weak.statusCode, 422, 'the link stays valid')
  const answered = await Promise.all(
    [1, 2, 3].map((i) => post('reset-password', { token, password: `${password} ${i}` })),
  )
  t.same(answered.map(({ statusCode }) => statusCode).sort(), [204, 400, 400])
  t.equal((await post('reset-password', { token, password })).statusCode, 400)
  t.equal((await as(app, session).get('/users/me/')).statusCode, 401)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 401)
  t.equal(mail.mails.length, 1, 'one mail per minute, and none to a disabled user')
})

t.test('an unconfirmed address gets the link unless it is confirmed for another user', async (t) => {
  const { mail, app, post } = await start(t)
  for (const [username, email] of [
    ['janedoe', 'jane@example.com'],
    ['squatter', 'johndoe@example.com'],
  ] as const)
    await as(app, null).post('/users/', { username, email, password: 'battery staple' })
  for (const email of ['jane@example.com', 'johndoe@example.com']) await post('forgot-password', { email })
  t.match(await mail.mailTo('johndoe@example.com', reset), { text: /account johndoe\./ })
  const sent = await mail.mailTo('jane@example.com', reset)
  t.equal((await post('reset-password', { token: tokenIn(sent), password })).statusCode, 204)
  t.ok(await logIn(app, 'janedoe', password))
})

t.test('the pages of the links do not leak the token', async (t) => {
  const { app } = await start(t)
  for (const path of ['/account/confirm-email', '/account/reset-password']) {
    const { statusCode, headers, body } = await app.inject(path)
    t.equal(statusCode, 200)
    t.match(headers, {
      'content-type': /text\/html/,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    t.match(headers['content-security-policy'], /default-src 'none'; script-src 'sha256-[\w+/=]{44}'/)
    t.match(body, '<form ')
  }
})

t.test('without a mail server, mails are written to files', async (t) => {
  const folder = t.testdir()
  const app = await startApp(t, { DATA_DIRECTORY: folder })
  await as(app, null).post('/users/', { username: 'janedoe', password, email: 'jane@example.com' })
  const files = () => readdir(join(folder, 'mail')).catch(() => [] as string[])
  await until(async () => (await files()).length === 1)
  await app.close()
  const [file = ''] = await files()
  t.match(await parseMail(await readFile(join(folder, 'mail', file))), {
    to: 'jane@example.com',
    subject: confirmation,
  })
})

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { emailPlugin } from '../../src/email/index.js'
import type { Mail } from '../../src/email/message.js'
import { createMetrics, metricsPlugin } from '../../src/metrics/index.js'
import { confirmationMail, emailChangedMail, resetMail } from '../../src/users/mails/messages.js'
import { parseMail } from '../helpers/mail.js'

const issuer = `https://${'a-rather-long-name.'.repeat(10)}example.com`
const token = 'T-_0'.repeat(11)

/** Writes a mail to a file. Returns the content of the file, and what is printed. */
async function write(t: Test, mail: Mail): Promise<{ file: Buffer; printed: string[] }> {
  const dataDirectory = t.testdir()
  const printed: string[] = []
  const print = (text: string) => printed.push(text)
  const app = fastify()
  await app.register(metricsPlugin, { metrics: createMetrics() })
  await app.register(emailPlugin, {
    mail: 'files',
    mailFrom: 'no-reply@example.com',
    smtpUrl: undefined,
    dataDirectory,
    print,
  })
  app.sendMail(mail)
  await app.close()
  const folder = join(dataDirectory, 'mail')
  const [name = ''] = await readdir(folder)
  return { file: await readFile(join(folder, name)), printed }
}

for (const username of ['janedoe', 'Жанна'])
  t.test(`the links of ${username} can be copied from the file and from the terminal`, async (t) => {
    const links = [
      { username, token },
      { username: `${username}2`, token },
    ]
    for (const mail of [
      confirmationMail('jane@example.com', links.slice(1), issuer),
      resetMail('jane@example.com', links, issuer),
    ]) {
      const { file, printed } = await write(t, mail)
      const shown = mail.text.match(/^https:.*$/gm) ?? []
      t.ok(shown.length > 0)
      t.same(file.toString().match(/^https:.*(?=\r$)/gm), shown, mail.subject)
      t.same(await parseMail(file), mail, 'the file is a mail')
      t.same(printed, [
        `Mail to jane@example.com: ${mail.subject}\n${shown.map((link) => `  ${link}\n`).join('')}\n`,
      ])
    }
  })

t.test('a mail without a link is printed as one line', async (t) => {
  const { printed } = await write(t, emailChangedMail('jane@example.com', 'janedoe'))
  t.same(printed, ['Mail to jane@example.com: Your e-mail address was changed\n\n'])
})

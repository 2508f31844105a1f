import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { developmentSecret } from '../../src/config/production.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/wait.js'
import { createWebhook, type ReceivedMessage, type Receiver, startReceiver } from '../helpers/webhooks.js'

const firstSecret = 'the first secret that encrypts keys, of many characters'
const secondSecret = 'the second secret that encrypts keys, of many characters'

async function rotate(url: string, env: Record<string, string>, ...options: string[]): Promise<string> {
  const args = ['webhooks', 'rotate-secret', 'audit', '--json', ...options]
  const { stdout, stderr } = await runCommand(url, args, { env })
  t.equal(stderr, '')
  return (JSON.parse(stdout) as { secret: string }).secret
}

/** Sends a message from the command line, and returns it as the receiver got it. */
async function receive(url: string, { received, settings }: Receiver, env = {}): Promise<ReceivedMessage> {
  const { status, stderr } = await runCommand(url, ['webhooks', 'test', 'audit'], {
    env: { ...settings, ...env },
  })
  t.match({ status, stderr }, { status: 0, stderr: '' })
  return received.at(-1) as ReceivedMessage
}

/** Returns which of some secrets verify a message. */
function verifying({ headers, body }: ReceivedMessage, secrets: string[]): boolean[] {
  return secrets.map((secret) => {
    try {
      return Boolean(new Webhook(secret).verify(body, headers as Record<string, string>))
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error
      return false
    }
  })
}

async function create(t: Test, env: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const receiver = await startReceiver(t)
  const settings = { ...receiver.settings, ...env }
  const secret = await createWebhook(url, 'audit', { ...receiver, settings }, '--action', 'login')
  return { url, receiver, secret }
}

t.test('secrets have the form of Standard Webhooks, and are not stored in clear', async (t) => {
  const { url, secret } = await create(t)
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const [row] = await query(url, 'SELECT webhooks::text FROM webhooks')
  const bytes = Buffer.from(secret.slice(6), 'base64')
  for (const text of [secret, secret.slice(6), bytes.toString('hex'), Buffer.from(secret).toString('hex')])
    t.notOk(JSON.stringify(row).includes(text))
})

t.test('after a rotation both secrets sign for a day, and then the new one alone', async (t) => {
  const { url, receiver, secret } = await create(t)
  t.same(verifying(await receive(url, receiver), [secret]), [true])
  const second = await rotate(url, {})
  const message = await receive(url, receiver)
  t.same(verifying(message, [secret, second]), [true, true])
  t.match(message.headers['webhook-signature'], /^v1,[\w+/]{43}= v1,[\w+/]{43}=$/)
  const third = await rotate(url, {})
  t.same(verifying(await receive(url, receiver), [secret, second, third]), [false, true, true])
  await query(url, "UPDATE webhooks SET previous_until = now() - interval '1 second'")
  t.same(verifying(await receive(url, receiver), [second, third]), [false, true])
  const fourth = await rotate(url, {}, '--now')
  t.same(verifying(await receive(url, receiver), [third, fourth]), [false, true])
  t.match(await query(url, 'SELECT * FROM webhooks'), [
    { sealed_previous_secret: null, previous_until: null },
  ])
})

t.test('another KEY_ENCRYPTION_SECRET has the secrets encrypted anew at the start', async (t) => {
  const first = { KEY_ENCRYPTION_SECRET: firstSecret }
  const both = { KEY_ENCRYPTION_SECRET: secondSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: firstSecret }
  const second = { KEY_ENCRYPTION_SECRET: secondSecret }
  const { url, receiver, secret } = await create(t, first)
  const other = await rotate(url, first)
  t.same(verifying(await receive(url, receiver, both), [secret, other]), [true, true])
  const unknown = await runCommand(url, ['webhooks', 'test', 'audit'], {
    env: { ...receiver.settings, ...second },
  })
  t.match(unknown, {
    status: 1,
    stderr:
      /audit failed: the secret is encrypted under another KEY_ENCRYPTION_SECRET: .* run latchkey webhooks rotate-secret NAME --now/,
  })
  const sealedUnder = () => query<{ sealed_under: string }>(url, 'SELECT sealed_under FROM webhooks')
  const before = await sealedUnder()
  const starting = await Promise.all([1, 2].map(() => startApp(t, { ...receiver.settings, ...both }, url)))
  await Promise.all(starting.map((app) => app.ready()))
  await until(async () => (await sealedUnder())[0]?.sealed_under !== before[0]?.sealed_under)
  t.same(verifying(await receive(url, receiver, second), [secret, other]), [true, true])
})

t.test('a secret without a previous one is encrypted anew as well', async (t) => {
  const { url, receiver, secret } = await create(t, { KEY_ENCRYPTION_SECRET: firstSecret })
  const both = { KEY_ENCRYPTION_SECRET: secondSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: firstSecret }
  const app = await startApp(t, { ...receiver.settings, ...both }, url)
  await logIn(app, 'johndoe', 'secret')
  await until(() => receiver.received.length === 1)
  t.same(verifying(receiver.received[0] as ReceivedMessage, [secret]), [true])
  t.same(verifying(await receive(url, receiver, { KEY_ENCRYPTION_SECRET: secondSecret }), [secret]), [true])
})

t.test('a damaged secret does not hold up other webhooks', async (t) => {
  const { url, receiver, secret } = await create(t, { KEY_ENCRYPTION_SECRET: firstSecret })
  const settings = { ...receiver.settings, KEY_ENCRYPTION_SECRET: firstSecret }
  await createWebhook(url, 'a', { ...receiver, settings }, '--action', 'login')
  await query(url, "UPDATE webhooks SET sealed_secret = '' WHERE name = 'a'")
  const both = { KEY_ENCRYPTION_SECRET: secondSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: firstSecret }
  const app = await startApp(t, { ...receiver.settings, ...both }, url)
  await logIn(app, 'johndoe', 'secret')
  await until(() => receiver.received.length === 1)
  t.same(verifying(receiver.received[0] as ReceivedMessage, [secret]), [true])
  await until(
    async () => (await query(url, 'SELECT FROM outbox WHERE last_failure IS NOT NULL')).length === 1,
  )
  t.match(await query(url, 'SELECT last_failure FROM outbox WHERE last_failure IS NOT NULL'), [
    { last_failure: 'the encrypted secret is damaged: run latchkey webhooks rotate-secret NAME --now' },
  ])
})

t.test('a secret that was encrypted under a published one signs nothing in production', async (t) => {
  const { url, receiver } = await create(t)
  const env = { KEY_ENCRYPTION_SECRET: secondSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: developmentSecret }
  const app = await startApp(t, { ...receiver.settings, ...env }, url)
  await logIn(app, 'johndoe', 'secret')
  await until(
    async () => (await query(url, 'SELECT FROM outbox WHERE last_failure IS NOT NULL')).length === 1,
  )
  t.match(await query(url, 'SELECT last_failure FROM outbox'), [
    {
      last_failure:
        'the secret was encrypted under a published one: run latchkey webhooks rotate-secret NAME --now',
    },
  ])
  t.equal(receiver.received.length, 0)
  const secret = await rotate(url, env, '--now')
  t.same(verifying(await receive(url, receiver, env), [secret]), [true])
})

t.test('a webhook that is deleted meanwhile gets no secret', async (t) => {
  const { url } = await create(t)
  const { findWebhook } = await import('../../src/outbox/webhooks/webhook-store.js')
  const { rotateSecret } = await import('../../src/outbox/webhooks/secret-store.js')
  const { sealingKey } = await import('../../src/sealing/seal.js')
  const app = await startApp(t, {}, url)
  const webhook = await findWebhook('audit', app.database)
  await query(url, 'DELETE FROM webhooks')
  const rotated = app.database.$transaction((transaction) =>
    rotateSecret(String(webhook?.id), 0, [sealingKey('x')], transaction),
  )
  t.equal(await rotated, null)
  t.equal(await findWebhook('\0', app.database), null)
})

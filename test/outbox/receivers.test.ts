import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { newWebhookSecret } from '../../src/outbox/webhooks/signature.js'
import { judgedMessages, receiverIn } from './judged-messages.js'

t.test('the receiver in JavaScript accepts good messages and refuses bad ones', async (t) => {
  const secret = newWebhookSecret()
  process.env.WEBHOOK_SECRET = secret
  t.intercept(console, 'log', { value: () => {} })
  const path = join(t.testdir({ 'receiver.mjs': receiverIn('js') }), 'receiver.mjs')
  const { receive } = (await import(pathToFileURL(path).href)) as {
    receive: (headers: Record<string, string>, body: string) => number
  }
  for (const { name, headers, body, status } of judgedMessages(secret))
    t.equal(receive(headers, body), status, name)
})

import { readFileSync } from 'node:fs'
import { testMessage, toRequest } from '../../src/outbox/webhooks/message.js'
import { newWebhookSecret } from '../../src/outbox/webhooks/signature.js'

/** A message for the receivers of docs/webhooks.md. */
export interface JudgedMessage {
  name: string
  headers: Record<string, string>
  body: string
  /** Status that a receiver responds with. */
  status: number
}

/** Returns the only code block in a language of the page. */
export function receiverIn(language: string): string {
  const page = readFileSync('docs/webhooks.md', 'utf8')
  const [, code] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page) ?? []
  if (code === undefined) throw new Error(`docs/webhooks.md has no receiver in ${language}`)
  return code
}

/** Returns good and bad messages for a receiver that has a secret. */
export function judgedMessages(secret: string): JudgedMessage[] {
  const now = Math.floor(Date.now() / 1_000)
  const sign = (secrets: string[], timestamp = now) =>
    toRequest(testMessage(timestamp), { id: 'one', timestamp }, secrets)
  const good = sign([secret])
  const without = (name: string) =>
    Object.fromEntries(Object.entries(good.headers).filter(([header]) => header !== name))
  return [
    { name: 'a message', ...good, status: 204 },
    { name: 'one that another secret signs too', ...sign([newWebhookSecret(), secret]), status: 204 },
    { name: 'one that another secret signs', ...sign([newWebhookSecret()]), status: 400 },
    { name: 'another body', ...good, body: good.body.replace('{}', '[]'), status: 400 },
    { name: 'another id', ...good, headers: { ...good.headers, 'webhook-id': 'msg_two' }, status: 400 },
    {
      name: 'another time',
      ...good,
      headers: { ...good.headers, 'webhook-timestamp': `${now + 1}` },
      status: 400,
    },
    { name: 'a message of an hour ago', ...sign([secret], now - 3_600), status: 400 },
    { name: 'no signature', ...good, headers: without('webhook-signature'), status: 400 },
    { name: 'no id', ...good, headers: without('webhook-id'), status: 400 },
  ]
}

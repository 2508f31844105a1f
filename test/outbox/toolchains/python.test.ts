import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { newWebhookSecret } from '../../../src/outbox/webhooks/signature.js'
import { runIn } from '../../clients/generated-client.js'
import { createVirtualEnvironment, skip } from '../../clients/toolchains/virtual-environment.js'
import { judgedMessages, receiverIn } from '../judged-messages.js'

t.test('the receiver in Python accepts good messages and refuses bad ones', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-receiver-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await cp('test/outbox/toolchains/python', folder, { recursive: true })
  await writeFile(join(folder, 'receiver.py'), receiverIn('python'))
  const bin = await createVirtualEnvironment({ folder })
  const secret = newWebhookSecret()
  const messages = judgedMessages(secret)
  await writeFile(join(folder, 'messages.json'), JSON.stringify(messages))
  const printed = await runIn({ folder }, 'python', ['judge.py', secret], bin)
  const statuses = JSON.parse(printed.trim().split('\n').at(-1) as string) as number[]
  for (const [index, { name, status }] of messages.entries()) t.equal(statuses[index], status, name)
})

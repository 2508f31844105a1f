import t from 'tap'
import { query } from '../../database/query.js'
import { runCommand } from '../../helpers/command.js'
import { logIn } from '../../helpers/replicas.js'
import { createWebhook, makeDue, startReceiver } from '../../helpers/webhooks.js'
import { withoutPrometheus } from './prometheus.js'
import { createUsers, startMonitoredService, untilFiring, untilResolved, watch } from './situation.js'

t.test('a webhook fails, and is given up', { skip: withoutPrometheus }, async (t) => {
  let status = 500
  const receiver = await startReceiver(t, (response) => response.writeHead(status).end())
  const url = await createUsers(t)
  await createWebhook(url, 'audit', receiver, '--action', 'login')
  const service = await startMonitoredService(t, url, receiver.settings)
  const prometheus = await watch(t, service)

  await logIn(service)
  await query(url, "UPDATE outbox SET created_at = now() - interval '1 hour'")
  await untilFiring(prometheus, 'LatchkeyWebhooksFailing', 'LatchkeyWebhooksLate')
  status = 410
  await makeDue(url)
  await untilFiring(prometheus, 'LatchkeyWebhookDeadLetters', 'LatchkeyWebhookDisabled')
  await untilResolved(prometheus, 'LatchkeyWebhooksFailing', 'LatchkeyWebhooksLate')

  status = 204
  for (const command of ['enable', 'retry'])
    t.match(await runCommand(url, ['webhooks', command, 'audit']), { status: 0 })
  await untilResolved(prometheus, 'LatchkeyWebhookDeadLetters', 'LatchkeyWebhookDisabled')
})

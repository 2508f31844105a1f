import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { query } from '../../database/query.js'
import { freePort } from '../../helpers/free-port.js'
import { startMailServer } from '../../helpers/mail.js'
import { startProxy } from '../../helpers/proxy.js'
import { logIn } from '../../helpers/replicas.js'
import type { Service } from '../../helpers/service.js'
import { withoutPrometheus } from './prometheus.js'
import {
  createUsers,
  keepDoing,
  startMonitoredService,
  untilFiring,
  untilResolved,
  watch,
} from './situation.js'
import { listItems } from './traffic.js'

t.test('the only process ends, and is started again', { skip: withoutPrometheus }, async (t) => {
  const url = await createUsers(t)
  const settings = { METRICS_PORT: String(await freePort()) }
  const service = await startMonitoredService(t, url, settings)
  const prometheus = await watch(t, service)
  service.program.process.kill('SIGTERM')
  await service.program.ends()
  await untilFiring(prometheus, 'LatchkeyDown', 'LatchkeyAbsent')
  await startMonitoredService(t, url, settings)
  await untilResolved(prometheus, 'LatchkeyDown', 'LatchkeyAbsent')
})

t.test('all connections are taken', { skip: withoutPrometheus }, async (t) => {
  const service = await startMonitoredService(t, await createUsers(t), { MAX_CONNECTIONS: '1' })
  const prometheus = await watch(t, service)
  const taken = connect(service.port, service.host)
  await once(taken, 'connect')
  keepDoing(t, () => fetch(`${service.origin}/livez`))
  await untilFiring(prometheus, 'LatchkeyConnectionsDropped')
  taken.destroy()
  await untilResolved(prometheus, 'LatchkeyConnectionsDropped')
})

t.test('a defect', { skip: withoutPrometheus }, async (t) => {
  const url = await createUsers(t)
  const service = await startMonitoredService(t, url)
  const prometheus = await watch(t, service)
  const { access_token } = await logIn(service)
  await query(url, 'ALTER TABLE items RENAME COLUMN title TO lost')
  t.equal((await listItems(service, access_token)).status, 500)
  await untilFiring(prometheus, 'LatchkeyInternalErrors')
  await untilResolved(prometheus, 'LatchkeyInternalErrors')
})

t.test('the mail server is down', { skip: withoutPrometheus }, async (t) => {
  const mail = await startMailServer(t)
  const proxy = await startProxy(t, mail.url)
  const service = await startMonitoredService(t, await createUsers(t), { SMTP_URL: proxy.url })
  const prometheus = await watch(t, service)
  proxy.cut()
  await askForPasswordReset(service, 'johndoe@example.com')
  await untilFiring(prometheus, 'LatchkeyMailFailing')
  proxy.open()
  await askForPasswordReset(service, 'alice@example.com')
  await untilResolved(prometheus, 'LatchkeyMailFailing')
})

async function askForPasswordReset(service: Service, email: string): Promise<void> {
  const response = await fetch(`${service.origin}/account/forgot-password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email }),
  })
  await response.arrayBuffer()
}

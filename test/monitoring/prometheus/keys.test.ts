import { randomBytes } from 'node:crypto'
import t from 'tap'
import { query } from '../../database/query.js'
import { runCommand } from '../../helpers/command.js'
import { freePort } from '../../helpers/free-port.js'
import { withoutPrometheus } from './prometheus.js'
import { createUsers, startMonitoredService, untilFiring, untilResolved, watch } from './situation.js'

t.test('the next key cannot be created in time', { skip: withoutPrometheus }, async (t) => {
  const url = await createUsers(t)
  // The keys are read every half second.
  const service = await startMonitoredService(t, url, { KEY_ROTATION_DAYS: '1', JWKS_MAX_AGE_SECONDS: '1' })
  const prometheus = await watch(t, service)

  await query(
    url,
    "CREATE FUNCTION refuse_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no key'; END $$",
  )
  await query(
    url,
    'CREATE TRIGGER refuse_key BEFORE INSERT ON signing_keys FOR EACH ROW EXECUTE FUNCTION refuse_key()',
  )
  await query(url, "UPDATE signing_keys SET signs_at = signs_at - interval '2 days'")
  await untilFiring(prometheus, 'LatchkeyNextKeyLate')
  await query(url, 'DROP TRIGGER refuse_key ON signing_keys')
  await untilResolved(prometheus, 'LatchkeyNextKeyLate')
})

t.test('a process was left out when the secret was replaced', { skip: withoutPrometheus }, async (t) => {
  const url = await createUsers(t)
  const [former, present] = [newSecret(), newSecret()]
  const replaced = { KEY_ENCRYPTION_SECRET: present, KEY_ENCRYPTION_SECRET_PREVIOUS: former }
  const metricsPort = String(await freePort())
  const settings = { JWKS_MAX_AGE_SECONDS: '1', METRICS_PORT: metricsPort }
  const forgotten = await startMonitoredService(t, url, { ...settings, KEY_ENCRYPTION_SECRET: former })
  const prometheus = await watch(t, forgotten)
  await startMonitoredService(t, url, replaced)
  t.match(await runCommand(url, ['keys', 'rotate'], { env: replaced }), { status: 0 })
  await untilFiring(prometheus, 'LatchkeyKeysSealed')

  forgotten.program.process.kill('SIGTERM')
  await forgotten.program.ends()
  await startMonitoredService(t, url, { ...settings, ...replaced })
  await untilResolved(prometheus, 'LatchkeyKeysSealed')
})

function newSecret(): string {
  return randomBytes(32).toString('base64')
}

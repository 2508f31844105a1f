import t from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { unreachableUrl } from '../database/query.js'
import { readSamples } from '../helpers/metrics.js'
import { startProgram, startService } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

const served = /"port":(\d+),"msg":"serving metrics"/

t.test('metrics are served on a port of their own until the shutdown has ended', async (t) => {
  const { origin, program } = await startService(t, { METRICS_PORT: '0', DRAIN_SECONDS: '1' })
  const url = `http://127.0.0.1:${served.exec(program.stdout)?.[1]}/metrics`
  const read = async () => readSamples(await (await fetch(url)).text())
  t.equal((await fetch(`${origin}/metrics`)).status, 404, 'not on the other one')
  await until(async () => (await read()).get('latchkey_change_feed_connected') === 1)
  t.ok(Number((await read()).get('latchkey_change_feed_heartbeat_age_seconds')) < 60)
  await fetch(`${origin}/users/me/`)
  const requests =
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/users/me/",http_response_status_code="401"}'
  t.equal((await read()).get(requests), 1)
  t.equal((await read()).get('latchkey_draining'), 0)
  program.process.kill('SIGTERM')
  await until(async () => (await read()).get('latchkey_draining') === 1)
  t.equal(await program.ends(), 0)
  t.equal(program.stderr, '')
})

t.test('metrics are served while the database cannot be reached', async (t) => {
  const program = startProgram(t, 'dist/src/server.js', {
    PORT: '0',
    METRICS_PORT: '0',
    DATABASE_URL: await unreachableUrl(),
  })
  await program.prints('serving metrics')
  const url = `http://127.0.0.1:${served.exec(program.stdout)?.[1]}/metrics`
  await until(async () => {
    const samples = readSamples(await (await fetch(url)).text())
    return Number(samples.get('latchkey_database_failures_total{kind="outage"}')) > 0
  })
})

t.test('a port that is taken ends the start with one line', async (t) => {
  const { port, program } = await startService(t, {}, 'dist/src/server.js')
  const second = startProgram(t, 'src/server.ts', {
    PORT: '0',
    METRICS_PORT: String(port),
    DATABASE_URL: await unreachableUrl(),
  })
  t.equal(await second.ends(), 1)
  t.match(
    second.stderr,
    /^latchkey: cannot listen: .*address already in use.*; see METRICS_HOST and METRICS_PORT\n$/,
  )
  t.equal(program.process.exitCode, null)
})

t.test('metrics have another port than the service', async (t) => {
  t.throws(() => loadConfig({ PORT: '9000', METRICS_PORT: '9000' }), {
    message: 'METRICS_PORT must be another port than PORT',
  })
  t.equal(loadConfig({ PORT: '0', METRICS_PORT: '0' }).metricsPort, 0)
})

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { startCollector } from '../helpers/collector.js'
import { startService } from '../helpers/service.js'
import { beginTrace } from '../helpers/tracing.js'

t.test('the built service sends its last spans when it ends', async (t) => {
  const collector = await startCollector(t)
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const { origin, program } = await startService(t, settings, 'dist/src/server.js')
  const trace = beginTrace()
  await fetch(`${origin}/users/me/`, trace)
  program.process.kill('SIGTERM')
  t.equal(await program.ends(), 0)
  t.match(collector.spans, [{ name: 'GET /users/me/', traceId: trace.traceId, parentSpanId: trace.spanId }])
})

t.test(
  'a collector that accepts connections but does not answer delays neither requests nor the end',
  async (t) => {
    const collector = await startCollector(t)
    collector.status = null
    const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
    const { origin, program } = await startService(t, settings, 'dist/src/server.js')
    t.equal((await fetch(`${origin}/users/me/`)).status, 401)
    program.process.kill('SIGTERM')
    t.equal(await program.ends(), 0)
    t.equal(collector.spans.length, 0)
  },
)

t.test('the built service has the SDK in a file of its own, which is loaded on demand', async (t) => {
  const folder = 'dist/src'
  const entry = readFileSync(`${folder}/server.js`, 'utf8')
  const loaded = new Set<string>()
  const load = (code: string) => {
    for (const [, file] of code.matchAll(/\bfrom ?"\.\/(chunk-\w+\.js)"/g)) {
      if (loaded.has(String(file))) continue
      loaded.add(String(file))
      load(readFileSync(`${folder}/${file}`, 'utf8'))
    }
  }
  load(entry)
  const chunks = readdirSync(folder).filter((file) => /^chunk-/.test(file))
  const withSdk = chunks.filter((file) =>
    readFileSync(`${folder}/${file}`, 'utf8').includes('BatchSpanProcessor'),
  )
  t.ok(loaded.size > 0 && withSdk.length > 0)
  for (const file of withSdk) t.notOk(loaded.has(file), file)
})

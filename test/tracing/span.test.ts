import { context, createTraceState, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import t from 'tap'
import { exchange } from '../../src/http/safe-fetch/exchange.js'
import { fetchJson } from '../../src/http/safe-fetch/fetch-json.js'
import { annotate, traced, tracedFor, tracedLater, traceHeaders, tracer } from '../../src/tracing/span.js'
import { startCollector } from '../helpers/collector.js'
import { localhostPem, startHttps } from '../helpers/https.js'
import { recordTraces } from '../helpers/tracing.js'

/** Records what a task does beneath a span `request`, and returns all spans. */
async function record(t: Parameters<typeof startCollector>[0], task: () => unknown) {
  const collector = await startCollector(t)
  const stop = await recordTraces(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const span = tracer().startSpan('request')
  await tracedFor(
    [span],
    () => ({ name: 'task' }),
    async () => task(),
  ).catch(() => {})
  span.end()
  await stop()
  return collector.spans
}

const describe = () => ({ name: 'work' })

t.test('without tracing, tasks run as they are, and nothing is described', async (t) => {
  const refuse = () => {
    throw new Error('described')
  }
  t.equal(
    traced(refuse, () => 1),
    1,
  )
  t.equal(await traced(refuse, async () => 2), 2)
  t.equal(
    tracedFor([], refuse, () => 3),
    3,
  )
  t.equal(tracedLater(refuse, () => 4)(), 4)
  t.strictSame(traceHeaders(), {})
  annotate({ name: 'value' })
})

t.test('results and errors of a task are passed on, and errors end its span with their code', async (t) => {
  const failures = [
    Object.assign(new Error('secret'), { code: '23505' }),
    Object.assign(new TypeError('secret'), { code: 'secret words' }),
    new RangeError('secret'),
  ]
  const spans = await record(t, async () => {
    t.equal(
      traced(describe, () => 1),
      1,
    )
    t.equal(await traced(describe, async () => 2), 2)
    for (const failure of failures) {
      const fail = () => {
        throw failure
      }
      t.throws(() => traced(describe, fail), failure)
      await t.rejects(
        traced(describe, async () => fail()),
        failure,
      )
    }
  })
  const work = spans.filter(({ name }) => name === 'work')
  t.strictSame(
    work.map(({ attributes }) => attributes['error.type']),
    [undefined, undefined, '23505', '23505', 'TypeError', 'TypeError', 'RangeError', 'RangeError'],
  )
  t.strictSame(
    work.map(({ status }) => status),
    [0, 0, 2, 2, 2, 2, 2, 2],
  )
  t.notMatch(
    JSON.stringify(spans, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value)),
    'secret',
  )
})

t.test('a task that runs later belongs to the span that was active when it was queued', async (t) => {
  let run = (): unknown => t.fail('not queued')
  const spans = await record(t, () => {
    run = tracedLater(
      () => ({ name: 'queued' }),
      () => traced(describe, () => 'done'),
    )
    return traced(
      () => ({ name: 'another' }),
      () => t.equal(run(), 'done'),
    )
  })
  const idOf = (wanted: string) => spans.find(({ name }) => name === wanted)?.spanId
  const parentOf = (wanted: string) => spans.find(({ name }) => name === wanted)?.parentSpanId
  t.equal(parentOf('queued'), idOf('task'))
  t.equal(parentOf('work'), idOf('queued'))
})

t.test('nothing is recorded beneath a span that has ended', async (t) => {
  const spans = await record(t, () => {
    const ended = trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 0 })
    return tracedFor(
      [ended],
      () => ({ name: 'unrecorded' }),
      () => traced(describe, () => {}),
    )
  })
  t.notOk(spans.some(({ name }) => name === 'work'))
  t.equal(trace.getSpan(ROOT_CONTEXT), undefined)
})

t.test('a fetch from another server tells it the trace, and records its status', async (t) => {
  let headers: Record<string, unknown> = {}
  let status = 200
  const origin = await startHttps(t, (request, response) => {
    headers = request.headers
    response.writeHead(status).end('{}')
  })
  const document = { url: `${origin}/keys?token=secret`, allowPrivateHost: true, ca: localhostPem }
  await fetchJson(document)
  t.notOk('traceparent' in headers, 'outside of a trace there is none')
  const spans = await record(t, async () => {
    await fetchJson(document)
    status = 404
    await fetchJson(document)
  })
  const [found, missing] = spans.filter(({ name }) => name === 'GET')
  const { port } = new URL(origin)
  const attributes = {
    'http.request.method': 'GET',
    'server.address': 'localhost',
    'server.port': Number(port),
  }
  t.match(found, { kind: 3, attributes: { ...attributes, 'http.response.status_code': 200 }, status: 0 })
  t.match(missing, { attributes: { 'http.response.status_code': 404, 'error.type': 'Error' }, status: 2 })
  t.equal(headers.traceparent, `00-${missing?.traceId}-${missing?.spanId}-01`)
})

t.test('the state of a trace is not passed on', async (t) => {
  const caller = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true }
  const traceState = createTraceState('vendor=secret')
  await record(t, () => {
    const headers = context.with(trace.setSpanContext(ROOT_CONTEXT, { ...caller, traceState }), traceHeaders)
    t.strictSame(headers, { traceparent: `00-${caller.traceId}-${caller.spanId}-01` })
  })
})

t.test('the span of a fetch has the port, also where the URL leaves it out', async (t) => {
  const addresses = [{ address: '127.0.0.1', family: 4 }]
  const aborted = { addresses, ca: null, signal: AbortSignal.abort() }
  const urls = ['https://keys.example', 'http://hooks.example', 'http://hooks.example:8080', 'https://[::1]']
  const spans = await record(t, async () => {
    for (const url of urls)
      await t.rejects(
        exchange(new URL(url), { headers: {} }, aborted, async () => t.fail('sent')),
        { name: 'AbortError' },
      )
  })
  const requests = spans.filter(({ name }) => name === 'GET')
  t.strictSame(
    requests.map(({ attributes }) => [attributes['server.address'], attributes['server.port']]),
    [
      ['keys.example', 443],
      ['hooks.example', 80],
      ['hooks.example', 8080],
      ['::1', 443],
    ],
  )
})

import { lookup } from 'node:dns'
import { context, ROOT_CONTEXT, SpanKind, type TraceFlags, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import t from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { createExporter } from '../../src/tracing/exporter.js'
import type { TracingSettings } from '../../src/tracing/settings.js'
import { traced, tracer } from '../../src/tracing/span.js'
import { startCollector } from '../helpers/collector.js'
import { recordTraces } from '../helpers/tracing.js'
import { until } from '../helpers/wait.js'

/** Records a span, as a request does. */
function recordSpan(name: string, parent = ROOT_CONTEXT): void {
  tracer().startSpan(name, { kind: SpanKind.SERVER }, parent).end()
}

/** Returns the context of a caller that has begun a trace and decided whether to record it. */
function callerThat(traceFlags: TraceFlags) {
  const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags, isRemote: true }
  return trace.setSpanContext(ROOT_CONTEXT, spanContext)
}

for (const protocol of ['http/json', 'http/protobuf'])
  t.test(`spans are exported by ${protocol}`, async (t) => {
    const collector = await startCollector(t)
    const stop = await recordTraces(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name = latchkey-0',
    })
    const span = tracer().startSpan('outer', { kind: SpanKind.SERVER, attributes: { text: 'a', number: 7 } })
    await context.with(trace.setSpan(ROOT_CONTEXT, span), () =>
      traced(
        () => ({ name: 'inner', kind: 'client' }),
        async () => {},
      ),
    )
    span.end()
    await stop()
    const { traceId, spanId } = span.spanContext()
    t.match(collector.spans, [
      { name: 'inner', kind: 3, traceId, parentSpanId: spanId, status: 0 },
      { name: 'outer', kind: 2, traceId, spanId, parentSpanId: '', attributes: { text: 'a', number: 7 } },
    ])
    t.match(collector.resource, { 'service.name': 'latchkey', 'k8s.pod.name': 'latchkey-0' })
  })

for (const [sampler, ratio, names] of [
  ['always_on', '1', ['recorded', 'unrecorded', 'begun here']],
  ['always_off', '1', []],
  ['traceidratio', '0', []],
  ['traceidratio', '1.0', ['recorded', 'unrecorded', 'begun here']],
  ['parentbased_always_on', '', ['recorded', 'begun here']],
  ['parentbased_always_off', '1', ['recorded']],
  ['parentbased_traceidratio', '0', ['recorded']],
  ['parentbased_traceidratio', '', ['recorded', 'begun here']],
] as const)
  t.test(`the sampler ${sampler} ${ratio} records: ${names.join(', ')}`, async (t) => {
    const collector = await startCollector(t)
    const stop = await recordTraces(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: ratio,
    })
    recordSpan('recorded', callerThat(1))
    recordSpan('unrecorded', callerThat(0))
    recordSpan('begun here')
    await stop()
    t.strictSame(
      collector.spans.map(({ name }) => name),
      names,
    )
  })

t.test('a collector that refuses is reported once, and again when it accepts', async (t) => {
  const collector = await startCollector(t)
  collector.status = 401
  const reports: string[] = []
  const report = (fields: { reason: string } | string, message?: string) =>
    reports.push(typeof fields === 'string' ? fields : `${message}: ${fields.reason}`)
  const stop = await recordTraces(
    t,
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    { info: report, warn: report },
  )
  for (const status of [401, 403, 200]) {
    collector.status = status
    const { length } = collector.bodies
    for (let i = 0; i < 512; i++) recordSpan(`with ${status}`)
    await until(() => collector.bodies.length > length && reports.length > 0)
  }
  await stop()
  t.strictSame(reports, ['traces cannot be exported: 401', 'traces can be exported again'])
})

t.test(
  'spans beyond the queue are dropped while a collector does not answer, and the end does not wait for it',
  async (t) => {
    const collector = await startCollector(t)
    collector.status = null
    const stop = await recordTraces(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    for (let i = 0; i < 20_000; i++) recordSpan('waiting')
    await until(() => collector.bodies.length > 0)
    await stop()
    const received = () =>
      collector.bodies.reduce((sum, body) => sum + body.toString().split('waiting').length - 1, 0)
    await until(() => received() >= 4_096)
    t.ok(received() <= 4_096 + 512, 'the queue, and the export that was under way')
  },
)

for (const [situation, status, url, reason] of [
  ['cannot be reached', 200, 'http://127.0.0.1:1', 'ECONNREFUSED'],
  ['does not answer', null, undefined, 'no response in time'],
] as const)
  t.test(`a collector that ${situation} is reported`, async (t) => {
    const collector = await startCollector(t)
    collector.status = status
    const { tracing } = loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: url ?? collector.url })
    const reports: object[] = []
    const contexts: unknown[] = []
    const log = {
      info() {},
      warn(fields: object) {
        reports.push(fields)
        contexts.push(context.active())
      },
    }
    const exporter = createExporter(tracing as TracingSettings, 100, log, lookup)
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    t.teardown(() => context.disable())
    context.with(callerThat(1), () => provider.getTracer('test').startSpan('lost').end())
    await until(() => reports.length > 0)
    await provider.shutdown()
    t.strictSame(reports, [{ reason }])
    t.strictSame(contexts, [ROOT_CONTEXT], 'not that of a request')
  })

t.test('the name of a collector is looked up by the given function', async (t) => {
  const collector = await startCollector(t)
  const names: string[] = []
  const { tracing } = loadConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.replace('127.0.0.1', 'collector.example'),
  })
  const exporter = createExporter(
    tracing as TracingSettings,
    5_000,
    { info() {}, warn() {} },
    (name, _options, callback) => {
      names.push(name)
      callback(null, [{ address: '127.0.0.1', family: 4 }])
    },
  )
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  provider.getTracer('test').startSpan('exported').end()
  await provider.shutdown()
  t.same(names, ['collector.example'])
  t.match(collector.spans, [{ name: 'exported' }])
})

import { context, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import t from 'tap'
import { tracer } from '../../src/tracing/span.js'
import { createWaitingSpans } from '../../src/tracing/waiting-spans.js'
import { startCollector } from '../helpers/collector.js'
import { recordTraces } from '../helpers/tracing.js'

t.test('work for several spans is beneath the first, and each of the others links to it', async (t) => {
  const collector = await startCollector(t)
  const stop = await recordTraces(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const waiting = createWaitingSpans<string>((page) => page)
  const begin = (name: string) => tracer().startSpan(name)
  const [first, second, third, later] = [begin('first'), begin('second'), begin('third'), begin('later')]
  const addIn = (span: Span, page: string) =>
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => waiting.add(page))
  const run = (pages: string[], task: () => unknown) =>
    waiting.run(pages, () => ({ name: `read ${pages.join()}` }), task)

  addIn(first, 'page 1')
  addIn(second, 'page 1')
  addIn(third, 'page 2')
  waiting.add('untraced page')
  t.equal(
    run(['page 1', 'page 2', 'untraced page'], () => 'rows'),
    'rows',
  )
  t.equal(
    run(['page 1'], () => 'rows'),
    'rows',
    'no span waits any more',
  )
  const fail = () => {
    throw new Error('no rows')
  }
  addIn(later, 'page 1')
  t.throws(() => run(['page 1'], fail), /no rows/)
  t.throws(() => run(['page 1'], fail), /no rows/, 'nor after a failure')
  for (const span of [first, second, third, later]) span.end()
  await stop()

  const { spans } = collector
  const named = (wanted: string) => spans.filter(({ name }) => name === wanted)
  const linkTo = (span?: { traceId: string; spanId: string }) => ({
    traceId: span?.traceId,
    spanId: span?.spanId,
  })
  const [read] = named('read page 1,page 2,untraced page')
  const [one, two, three, four] = ['first', 'second', 'third', 'later'].map((name) => named(name)[0])
  t.match(read, { traceId: one?.traceId, parentSpanId: one?.spanId })
  t.strictSame(read?.links, [linkTo(two), linkTo(three)])
  t.strictSame(one?.links, [])
  for (const other of [two, three]) t.strictSame(other?.links, [linkTo(read)])
  t.match(named('read page 1'), [{ parentSpanId: four?.spanId, status: 2 }])
  t.equal(spans.length, 6)
})

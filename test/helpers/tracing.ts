import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { lookUpForConnection } from '../../src/http/safe-fetch/name-resolver.js'
import type { ExportLog } from '../../src/tracing/settings.js'
import { startTracing } from '../../src/tracing/start.js'
import { startApp } from './app.js'
import { type Collector, startCollector } from './collector.js'
import type { ReceivedSpan } from './otlp.js'

/** A service in the process of the test that records traces, and the collector that receives them. */
export interface TracedApp {
  app: FastifyInstance
  collector: Collector
  origin: string
  /** Closes the service and returns all spans. */
  finish(): Promise<ReceivedSpan[]>
}

/** Starts the service and a collector, with tracing as the settings say. Traces are global, so a process has one at a time. */
export async function startTracedApp(t: Test, settings: Record<string, string> = {}): Promise<TracedApp> {
  const collector = await startCollector(t)
  const given = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...settings }
  const stop = await recordTraces(t, given)
  const app = await startApp(t, given)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    app,
    collector,
    origin,
    async finish() {
      await app.close()
      await stop()
      return collector.spans
    },
  }
}

/** Records traces in this process as the settings say, until the test ends or the returned function has sent the last spans. */
export async function recordTraces(
  t: Test,
  settings: Record<string, string>,
  log: ExportLog = { info() {}, warn() {} },
): Promise<() => Promise<void>> {
  const { tracing } = loadConfig(settings)
  if (!tracing) throw new Error('the settings do not turn tracing on')
  const stop = await startTracing(tracing, log, lookUpForConnection)
  t.teardown(stop)
  return stop
}

/** A trace that a caller has begun. */
export interface CallersTrace {
  traceId: string
  spanId: string
  headers: { traceparent: string }
}

/** Begins a trace, as the caller of a service. */
export function beginTrace(flags = '01'): CallersTrace {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } }
}

/** Returns the names of the spans from the first of the trace down to a span. */
export function pathTo(span: ReceivedSpan, spans: ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return [...(parent ? pathTo(parent, spans) : []), span.name]
}

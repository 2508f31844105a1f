import { randomUUID } from 'node:crypto'
import type { LookupFunction } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { createExporter } from './exporter.js'
import type { ExportLog, TracingSettings } from './settings.js'
import { switchTracing } from './span.js'

// Only src/config reads the environment. So every option of the SDK is set here, and its classes that read the environment are not used.

/** Maximum number of ended spans that wait to be exported. Further ones are dropped. */
const maxQueueSize = 4_096
/** Maximum number of spans in one export. */
const maxExportBatchSize = 512
/** Maximum time for which an ended span waits for the next export (milliseconds). */
const scheduledDelayMillis = 2_000
/** Time for one export with its retries, after which its spans are dropped (milliseconds). */
const exportTimeoutMillis = 5_000
/** Time for the last spans to be sent when the process ends (milliseconds). */
const lastExportMs = 1_000

/** Maximum length of an attribute's value (characters). */
const attributeValueLengthLimit = 256

/** Registers the SDK as the implementation of OpenTelemetry's API. Parameters and result are those of `startTracing`. */
export function startSdk(
  settings: TracingSettings,
  log: ExportLog,
  lookup: LookupFunction,
): () => Promise<void> {
  const exporter = createExporter(settings, exportTimeoutMillis, log, lookup)
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ ...settings.resource, 'service.instance.id': randomUUID() }),
    ),
    sampler: createSampler(settings),
    spanLimits: { attributeValueLengthLimit },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize,
        maxExportBatchSize,
        scheduledDelayMillis,
        exportTimeoutMillis,
      }),
    ],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  switchTracing(true)
  return async function stop() {
    switchTracing(false)
    for (const api of [trace, context, propagation]) api.disable()
    await Promise.race([provider.shutdown().catch(() => {}), delay(lastExportMs, undefined, { ref: false })])
  }
}

function createSampler({ sampler, ratio }: TracingSettings): Sampler {
  const root = rootSampler(sampler.replace(/^parentbased_/, ''), ratio)
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

function rootSampler(name: string, ratio: number): Sampler {
  if (name === 'always_on') return new AlwaysOnSampler()
  return name === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
}

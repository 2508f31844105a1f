import type { LookupFunction } from 'node:net'
import { ExportResultCode } from '@opentelemetry/core'
import {
  createOtlpHttpExportDelegate,
  httpAgentFactoryFromOptions,
} from '@opentelemetry/otlp-exporter-base/node-http'
import {
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { ExportLog, TracingSettings } from './settings.js'
import { detached } from './span.js'

const encodings = {
  'http/protobuf': { serializer: ProtobufTraceSerializer, contentType: 'application/x-protobuf' },
  'http/json': { serializer: JsonTraceSerializer, contentType: 'application/json' },
}

/**
 * Maximum number of exports at once. Usually there is one; at the end of the process all spans in the queue are sent at once.
 */
const maxExports = 10

/**
 * Creates an exporter that posts spans by OTLP/HTTP, and retries exports that may succeed later. It logs the first export that fails
 * for good, and the first that succeeds after that.
 *
 * @param timeoutMillis time for one export with its retries
 */
export function createExporter(
  { url, protocol, headers }: TracingSettings,
  timeoutMillis: number,
  log: ExportLog,
  lookup: LookupFunction,
): SpanExporter {
  const { serializer, contentType } = encodings[protocol]
  const delegate = createOtlpHttpExportDelegate(
    {
      url,
      headers: async () => ({ ...headers, 'Content-Type': contentType }),
      timeoutMillis,
      concurrencyLimit: maxExports,
      compression: 'none',
      agentFactory: httpAgentFactoryFromOptions({ keepAlive: true, autoSelectFamily: true, lookup }),
    },
    serializer,
    'otlp_http_span_exporter',
    TraceExporterMetricsHelper,
    undefined,
  )
  let isFailing = false

  function report(error: Error | undefined, hasFailed: boolean): void {
    if (hasFailed && !isFailing) log.warn({ reason: codeOf(error) }, 'traces cannot be exported')
    if (!hasFailed && isFailing) log.info('traces can be exported again')
    isFailing = hasFailed
  }

  return {
    export(spans, done) {
      // Outside of the request that happened to start the export: the log would name its ids.
      detached(() =>
        delegate.export([...spans], function finish(result) {
          report(result.error, result.code === ExportResultCode.FAILED)
          done(result)
        }),
      )
    },
    shutdown: () => delegate.shutdown(),
  }
}

/** Returns the code of a network error or the status of a response, but no message: it could contain anything. */
function codeOf(error: (Error & { code?: unknown }) | undefined): string {
  return String(error?.code ?? 'no response in time')
}

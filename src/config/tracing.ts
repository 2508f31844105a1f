import { version } from '../manifest.js'
import type { TracingSettings } from '../tracing/settings.js'
import { readPairs } from './pairs.js'
import type { Settings } from './settings/index.js'

/** Returns how traces are recorded, or null without a collector to send them to. */
export function tracingConfig(settings: Settings): TracingSettings | null {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings
  if (endpoint === undefined || settings.OTEL_SDK_DISABLED) return null
  return Object.freeze({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    protocol: settings.OTEL_EXPORTER_OTLP_PROTOCOL,
    headers: Object.freeze(pairsOf(settings.OTEL_EXPORTER_OTLP_HEADERS)),
    sampler: settings.OTEL_TRACES_SAMPLER,
    ratio: Number(settings.OTEL_TRACES_SAMPLER_ARG ?? 1),
    resource: Object.freeze({
      ...pairsOf(settings.OTEL_RESOURCE_ATTRIBUTES),
      'service.name': settings.OTEL_SERVICE_NAME,
      'service.version': version,
    }),
  })
}

/** Returns the pairs of a setting, which are none if it is not set. */
function pairsOf(text: string | undefined): Record<string, string> {
  return text === undefined ? {} : (readPairs(text) as Record<string, string>)
}

/** OpenTelemetry's names of samplers (its variable OTEL_TRACES_SAMPLER). */
export const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/** How traces are recorded and where they are sent. */
export interface TracingSettings {
  /** URL that spans are posted to. */
  url: string
  /** Encoding of the spans (OTLP/HTTP). */
  protocol: 'http/protobuf' | 'http/json'
  /** Headers of each export, such as an API key of the collector. */
  headers: Readonly<Record<string, string>>
  sampler: (typeof samplers)[number]
  /** Fraction of the traces that the samplers by ratio record (0 to 1). */
  ratio: number
  /** Resource attributes of the process, with the names of OpenTelemetry's semantic conventions. */
  resource: Readonly<Record<string, string>>
}

/** The part of a logger that reports whether exports succeed. */
export interface ExportLog {
  info(message: string): void
  warn(fields: { reason: string }, message: string): void
}

/** Names that OpenTelemetry gives to its samplers. */
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
  /** Header lines of each export, such as the key of the collector. */
  headers: Readonly<Record<string, string>>
  sampler: (typeof samplers)[number]
  /** Share of the traces that the samplers by ratio record (0 to 1). */
  ratio: number
  /** Attributes of the process, with the names of OpenTelemetry's semantic conventions. */
  resource: Readonly<Record<string, string>>
}

/** The part of a logger that exports are reported to. */
export interface ExportLog {
  info(message: string): void
  warn(fields: { reason: string }, message: string): void
}

/** A span as the collector has received it. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  /** Empty for the first span of a trace. */
  parentSpanId: string
  traceState: string
  name: string
  /** `SPAN_KIND_INTERNAL` is 1, `_SERVER` 2, `_CLIENT` 3. */
  kind: number
  attributes: Record<string, unknown>
  links: { traceId: string; spanId: string }[]
  /** `STATUS_CODE_ERROR` is 2. */
  status: number
  durationNs: bigint
}

/** A value of an attribute, in the JSON of OTLP. */
interface Value {
  stringValue?: string
  intValue?: string | number
  boolValue?: boolean
  doubleValue?: number
}

interface Attribute {
  key: string
  value: Value
}

interface JsonSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState?: string
  name: string
  kind: number
  attributes: Attribute[]
  links: { traceId: string; spanId: string }[]
  status: { code?: number }
  startTimeUnixNano: string
  endTimeUnixNano: string
}

interface ExportRequest {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: JsonSpan[] }[] }[]
}

/** Decodes an export of traces (opentelemetry/proto/collector/trace/v1/trace_service.proto), in JSON or in protobuf. */
export function readTraces(body: Buffer, contentType: string) {
  const { resourceSpans } = (
    contentType === 'application/json' ? JSON.parse(body.toString()) : decodeRequest(body)
  ) as ExportRequest
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  return { spans: spans.map(toSpan), resource: toObject(resourceSpans[0]?.resource.attributes ?? []) }
}

function toSpan(span: JsonSpan): ReceivedSpan {
  const { traceId, spanId, parentSpanId = '', traceState = '', name, kind, attributes, links, status } = span
  return {
    traceId,
    spanId,
    parentSpanId,
    traceState,
    name,
    kind,
    attributes: toObject(attributes),
    links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    status: status.code ?? 0,
    durationNs: BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano),
  }
}

function toObject(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  )
}

/** Fields of a protobuf message by number: each is a list of numbers, or of the bytes of texts and messages. */
type Message = Map<number, (bigint | Buffer)[]>

function decode(bytes: Buffer): Message {
  const message: Message = new Map()
  let at = 0

  function readVarint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  function readValue(wireType: number): bigint | Buffer {
    if (wireType === 0) return readVarint()
    const length = { 1: 8, 5: 4 }[wireType] ?? Number(readVarint())
    at += length
    const value = bytes.subarray(at - length, at)
    if (wireType === 2) return value
    return wireType === 1 ? value.readBigUInt64LE() : BigInt(value.readUInt32LE())
  }

  while (at < bytes.length) {
    const tag = Number(readVarint())
    const values = message.get(tag >> 3) ?? []
    values.push(readValue(tag & 7))
    message.set(tag >> 3, values)
  }
  return message
}

const all = (message: Message, field: number) => (message.get(field) ?? []) as Buffer[]
const messages = (message: Message, field: number) => all(message, field).map(decode)
const bytesOf = (message: Message, field: number) => all(message, field)[0] ?? Buffer.alloc(0)
const textOf = (message: Message, field: number) => bytesOf(message, field).toString()
const numberOf = (message: Message, field: number) => (message.get(field)?.[0] ?? 0n) as bigint

function decodeRequest(body: Buffer): ExportRequest {
  return {
    resourceSpans: messages(decode(body), 1).map((resourceSpans) => ({
      resource: { attributes: messages(resourceSpans, 1).flatMap((one) => attributesOf(one, 1)) },
      scopeSpans: messages(resourceSpans, 2).map((scope) => ({ spans: messages(scope, 2).map(decodeSpan) })),
    })),
  }
}

function decodeSpan(span: Message): JsonSpan {
  return {
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    traceState: textOf(span, 3),
    parentSpanId: bytesOf(span, 4).toString('hex'),
    name: textOf(span, 5),
    kind: Number(numberOf(span, 6)),
    startTimeUnixNano: String(numberOf(span, 7)),
    endTimeUnixNano: String(numberOf(span, 8)),
    attributes: attributesOf(span, 9),
    links: messages(span, 13).map((link) => ({
      traceId: bytesOf(link, 1).toString('hex'),
      spanId: bytesOf(link, 2).toString('hex'),
    })),
    status: { code: Number(messages(span, 15).map((status) => numberOf(status, 3))[0] ?? 0n) },
  }
}

function attributesOf(message: Message, field: number): Attribute[] {
  return messages(message, field).map((attribute) => {
    const [value] = messages(attribute, 2)
    return { key: textOf(attribute, 1), value: value ? decodeValue(value) : {} }
  })
}

function decodeValue(value: Message): Value {
  if (value.has(1)) return { stringValue: textOf(value, 1) }
  return value.has(2) ? { boolValue: numberOf(value, 2) === 1n } : { intValue: String(numberOf(value, 3)) }
}

/** Fields of the messages that lead to a span: ExportTraceServiceRequest.resource_spans, .scope_spans, .spans. */
const pathToSpan = [1, 2, 2]
const wireTypes = { varint: 0, fixed64: 1, length: 2, fixed32: 5 }

/**
 * Counts the spans of an export of OpenTelemetry in protobuf (opentelemetry/proto/collector/trace/v1/trace_service.proto).
 *
 * @param {Buffer} body
 */
export function countSpans(body) {
  let messages = [body]
  for (const field of pathToSpan) messages = messages.flatMap((message) => [...submessages(message, field)])
  return messages.length
}

/**
 * @param {Buffer} bytes
 * @param {number} wanted number of a field of messages
 */
function* submessages(bytes, wanted) {
  let at = 0

  function readVarint() {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  while (at < bytes.length) {
    const tag = readVarint()
    const wireType = tag & 7
    if (wireType === wireTypes.varint) readVarint()
    else if (wireType === wireTypes.fixed64) at += 8
    else if (wireType === wireTypes.fixed32) at += 4
    else {
      const length = readVarint()
      if (tag >> 3 === wanted) yield bytes.subarray(at, at + length)
      at += length
    }
  }
}

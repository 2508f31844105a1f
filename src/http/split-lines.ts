/**
 * Splits a body into lines as it arrives. Yields null for a line that is too long, without keeping it in memory.
 *
 * @param maxLineBytes maximum length of a line without its line feed
 */
export async function* splitLines(
  body: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = []
  let length = 0

  function add(part: Buffer): void {
    length += part.length
    if (length > maxLineBytes) parts = []
    else parts.push(part)
  }

  function take(): Buffer | null {
    const line = length > maxLineBytes ? null : Buffer.concat(parts)
    parts = []
    length = 0
    return line
  }

  for await (const chunk of body) {
    let start = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    if (start < chunk.length) add(chunk.subarray(start))
  }
  if (length > 0) yield take()
}

/** A stream has more bytes than allowed. */
export class TooManyBytes extends Error {}

/**
 * Reads a stream of UTF-8 to its end.
 *
 * @throws TooManyBytes once it has more than `maxBytes`; the rest is not read
 */
export async function readText(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  const reader = stream?.getReader()
  let text = ''
  let length = 0
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    length += next.value.length
    if (length > maxBytes) {
      await reader?.cancel()
      throw new TooManyBytes(`more than ${maxBytes} bytes`)
    }
    text += decoder.decode(next.value, { stream: true })
  }
  return text + decoder.decode()
}

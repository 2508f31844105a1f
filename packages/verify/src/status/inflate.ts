import { readBytes } from '../remote/read-bytes.js'

/**
 * Decompresses a zlib stream (RFC 1950).
 *
 * @throws TooManyBytes once it has more than `maxBytes`; the rest is not decompressed
 * @throws TypeError for a malformed or cut stream
 */
export async function inflate(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))
  return readBytes(stream, maxBytes)
}

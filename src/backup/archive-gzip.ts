import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { InvalidArchive } from './archive.js'

/**
 * Decompresses an archive, while `read` reads it.
 *
 * @returns the result of `read`
 * @throws InvalidArchive if it is not a gzip file, truncated or damaged, or if anything follows it
 */
export function decompress<Result>(
  source: AsyncIterable<Uint8Array>,
  read: (bytes: AsyncIterable<Buffer>) => Promise<Result>,
): Promise<Result> {
  const gunzip = createGunzip()
  let received = 0
  return pipeline(
    source,
    async function* count(chunks) {
      for await (const chunk of chunks) {
        received += chunk.length
        yield chunk
      }
    },
    gunzip,
    async function* requireAllUsed(bytes: AsyncIterable<Buffer>) {
      yield* bytes
      // After a gzip file, zlib stops at a zero byte, and ignores what follows.
      if (received > gunzip.bytesWritten) throw new InvalidArchive('is damaged: it goes on after its end')
    },
    read,
  ).catch(explainGzip)
}

/** Explains the errors of zlib, whose codes begin with Z. @throws Error */
function explainGzip(error: Error & { code?: string }): never {
  if (!error.code?.startsWith('Z_')) throw error
  if (error.code === 'Z_BUF_ERROR') throw new InvalidArchive('is truncated', error)
  throw new InvalidArchive(`is damaged, or not an archive: ${error.message}`, error)
}

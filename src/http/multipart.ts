import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy } from '@fastify/busboy'

/** One part of a multipart form. */
export interface Part {
  name: string
  value: Buffer
  /** Whether the part is an uploaded file: it has a file name, which may be empty. */
  isFile: boolean
}

/**
 * Returns the parts of a multipart form (RFC 7578) in their order, or null if it is malformed or a part has no name.
 *
 * @param contentType of the form, with its boundary
 */
export async function parseMultipart(contentType: string, body: Buffer): Promise<Part[] | null> {
  const parts: (Omit<Part, 'value'> & { chunks: Buffer[] })[] = []
  function collect(name: string, content: Readable, fileName: string | undefined): void {
    const chunks: Buffer[] = []
    parts.push({ name, chunks, isFile: fileName !== undefined })
    content.on('data', (chunk: Buffer) => chunks.push(chunk))
    // The parser fails with the same error, which ends the pipeline.
    content.on('error', () => {})
  }
  try {
    // As files, because Busboy decodes fields and replaces invalid UTF-8, but passes the bytes of files on unchanged.
    const parser = new Busboy({ headers: { 'content-type': contentType }, isPartAFile: () => true })
    await pipeline(Readable.from([body]), parser.on('file', collect))
  } catch {
    return null
  }
  if (parts.some(({ name }) => name === undefined)) return null
  return parts.map(({ chunks, ...part }) => ({ ...part, value: Buffer.concat(chunks) }))
}

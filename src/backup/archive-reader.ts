import { createHash } from 'node:crypto'
import type { Static, TSchema } from 'typebox'
import { conforms } from '../http/conforms.js'
import {
  ArchiveEnd,
  ArchiveHeader,
  ArchivePart,
  type ArchiveSummary,
  type ArchiveTable,
  createRowMeter,
  formatName,
  formatVersion,
  InvalidArchive,
  type RowMeter,
} from './archive.js'
import { decompress } from './archive-gzip.js'
import { createArchiveLines } from './archive-lines.js'
import { isCopyText } from './copy-text.js'

/** Receives the content of an archive after the header. */
export interface ArchiveVisitor {
  /** Consumes all rows of a table, in chunks of complete rows. */
  onTable(table: ArchiveTable, rows: AsyncIterable<Buffer>): Promise<void>
  /** Called when everything was read and matches the checksums. */
  onEnd(): Promise<void>
}

/**
 * Reads an archive from its beginning to its end, and compares everything with the checksums.
 *
 * @param visit receives the header, and returns the visitor for the rest
 * @throws InvalidArchive if it is not an archive, truncated, damaged or of another format version
 */
export function readArchive(
  source: AsyncIterable<Uint8Array>,
  visit: (header: ArchiveHeader) => Promise<ArchiveVisitor>,
): Promise<ArchiveSummary> {
  return decompress(source, (bytes) => readUncompressed(bytes, visit))
}

async function readUncompressed(
  bytes: AsyncIterable<Buffer>,
  visit: (header: ArchiveHeader) => Promise<ArchiveVisitor>,
): Promise<ArchiveSummary> {
  const lines = createArchiveLines(bytes)
  const checksum = createHash('sha256')

  async function readHashedLine<Value>(parse: (line: Buffer) => Value): Promise<Value> {
    const line = await lines.readLine()
    checksum.update(line)
    return parse(line)
  }

  const header = await readHashedLine(parseHeader)
  const { onTable, onEnd } = await visit(header)
  let total = 0
  for (const table of header.tables) {
    const meter = createRowMeter()
    await onTable(table, measured(lines.readRows(), meter))
    const { rows, sha256 } = meter.result()
    const part = await readHashedLine((line) => parseLine(line, ArchivePart))
    if (part.table !== table.name || part.rows !== rows || part.sha256 !== sha256)
      throw new InvalidArchive(`is damaged: the rows of ${table.name} differ from their checksum`)
    total += rows
  }
  const end = parseLine(await lines.readLine(), ArchiveEnd)
  if (end.rows !== total || end.sha256 !== checksum.digest('hex'))
    throw new InvalidArchive('is damaged: it differs from its checksum')
  await lines.requireEnd()
  await onEnd()
  return { header, rows: total }
}

/** Measures rows as they pass. @throws InvalidArchive before it passes on rows that COPY does not write */
async function* measured(chunks: AsyncIterable<Buffer>, meter: RowMeter): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    if (!isCopyText(chunk)) throw new InvalidArchive('is damaged: it has a row that COPY does not write')
    meter.add(chunk)
    yield chunk
  }
}

/** @throws InvalidArchive that says why this is not a header of this format version */
function parseHeader(line: Buffer): ArchiveHeader {
  const value = parseJson(line)
  if (conforms(ArchiveHeader, value)) return value as ArchiveHeader
  const { format, version } = Object(value) as { format?: unknown; version?: unknown }
  if (format !== formatName) throw new InvalidArchive('is not one of Latchkey: latchkey backup writes them')
  throw new InvalidArchive(
    version === formatVersion
      ? 'is damaged: it has an invalid header'
      : 'has another format version, which this version of Latchkey does not read',
  )
}

/** @throws InvalidArchive if the line is not JSON of this shape */
function parseLine<Shape extends TSchema>(line: Buffer, shape: Shape): Static<Shape> {
  const value = parseJson(line)
  if (!conforms(shape, value)) throw new InvalidArchive('is damaged: it has an invalid line')
  return value as Static<Shape>
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString())
  } catch {
    return undefined
  }
}

import { createHash } from 'node:crypto'
import { type ArchiveHeader, type ArchiveTable, createRowMeter, endOfRows, toLine } from './archive.js'

/**
 * Returns the chunks of an archive before compression, table after table. It holds at most one chunk of rows in memory.
 *
 * @param readTable returns the rows of a table of the header, in the text format of COPY
 * @param onEnd receives the number of rows of all tables
 */
export async function* writeArchive(
  header: ArchiveHeader,
  readTable: (table: ArchiveTable) => AsyncIterable<Uint8Array>,
  onEnd: (rows: number) => void,
): AsyncGenerator<Uint8Array> {
  const checksum = createHash('sha256')
  let total = 0

  function hashedLine(value: object): Buffer {
    const line = toLine(value)
    checksum.update(line)
    return line
  }

  yield hashedLine(header)
  for (const table of header.tables) {
    const meter = createRowMeter()
    for await (const chunk of readTable(table)) {
      meter.add(chunk)
      yield chunk
    }
    const { rows, sha256 } = meter.result()
    total += rows
    yield endOfRows
    yield hashedLine({ table: table.name, rows, sha256 })
  }
  yield toLine({ rows: total, sha256: checksum.digest('hex') })
  onEnd(total)
}

import { endOfRows, InvalidArchive, lineBreak, maxLineLength, maxRowLength } from './archive.js'

/** Reads the bytes of an archive in their order: lines of JSON, and the rows of tables. */
export interface ArchiveLines {
  /** Returns the next line of JSON with its line break. @throws InvalidArchive if it is too long, or there is none */
  readLine(): Promise<Buffer>
  /** Returns the rows up to the end of the table, as chunks of complete rows. @throws InvalidArchive as `readLine` */
  readRows(): AsyncGenerator<Buffer>
  /** @throws InvalidArchive if any byte is left */
  requireEnd(): Promise<void>
}

/** Creates the reader. It holds at most one row and one chunk of the source, and searches each chunk a fixed number of times. */
export function createArchiveLines(source: AsyncIterable<Buffer>): ArchiveLines {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  /** Reads the next chunk, when the one before is used up. Returns false at the end of the source. */
  async function readMore(): Promise<boolean> {
    const { done, value } = await chunks.next()
    if (done) return false
    rest = value
    return true
  }

  function take(length: number): Buffer {
    const taken = rest.subarray(0, length)
    rest = rest.subarray(length)
    return taken
  }

  async function readUpToLineBreak(maxLength: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let length = 0
    for (;;) {
      const end = rest.indexOf(lineBreak) + 1
      const part = take(end || rest.length)
      parts.push(part)
      length += part.length
      if (length > maxLength) throw new InvalidArchive('is damaged: it has a line that is too long')
      if (end > 0) return Buffer.concat(parts, length)
      if (!(await readMore())) throw new InvalidArchive('is truncated')
    }
  }

  /** Returns the rows that are complete in the current chunk, and whether the table ends after them. */
  function takeCompleteRows(): { rows: Buffer; isEnd: boolean } {
    const end = findEndOfRows(rest)
    if (end === -1) return { rows: take(rest.lastIndexOf(lineBreak) + 1), isEnd: false }
    const rows = take(end)
    take(endOfRows.length)
    return { rows, isEnd: true }
  }

  return {
    readLine: () => readUpToLineBreak(maxLineLength),

    async *readRows() {
      for (;;) {
        const row = await readUpToLineBreak(maxRowLength)
        if (row.equals(endOfRows)) return
        yield row
        const { rows, isEnd } = takeCompleteRows()
        yield rows
        if (isEnd) return
      }
    },

    async requireEnd() {
      if (rest.length > 0 || (await readMore()))
        throw new InvalidArchive('is damaged: it goes on after its end')
    },
  }
}

/** Returns the position of the end of a table, in bytes that begin with a row, or -1. */
function findEndOfRows(bytes: Buffer): number {
  let at = bytes.indexOf(endOfRows)
  while (at > 0 && bytes[at - 1] !== lineBreak) at = bytes.indexOf(endOfRows, at + 1)
  return at
}

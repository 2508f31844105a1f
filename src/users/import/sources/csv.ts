import { isUtf8 } from 'node:buffer'
import { splitLines } from '../../../http/split-lines.js'
import { OperatorError } from '../../../lifecycle/operator-error.js'
import { RowProblem } from '../account.js'
import { maxColumns, maxRowBytes, type RawRow } from '../row.js'

/** A record, which may have several lines if a quoted cell has line breaks. */
interface CsvRecord {
  /** Number of its first line, from 1. */
  number: number
  /** Null if it is too long. */
  bytes: Buffer | null
}

/** Names of the columns, and the character between cells. */
interface Header {
  names: string[]
  delimiter: string
}

const quote = 0x22
const lineFeed = Buffer.from('\n')

/** Reads CSV (RFC 4180) whose first record has the names of the columns. Semicolons and tabs may stand for commas. */
export async function* readCsv(input: AsyncIterable<Buffer>): AsyncGenerator<RawRow> {
  let header: Header | undefined
  for await (const record of readRecords(input))
    if (header === undefined) header = readHeader(record)
    else yield rowOf(record, header)
}

/** @throws OperatorError */
function readHeader(record: CsvRecord): Header {
  const delimiter = [',', ';', '\t'].find((candidate) => record.bytes?.includes(candidate)) ?? ','
  try {
    const names = readCells(record, delimiter).map((name) => name.trim())
    const repeated = names.find((name, index) => names.indexOf(name) < index)
    if (repeated !== undefined) throw new RowProblem(`it has the column ${repeated} twice`)
    return { names, delimiter }
  } catch (error) {
    throw new OperatorError(`the header of the file cannot be read: ${(error as RowProblem).message}`)
  }
}

function rowOf(record: CsvRecord, { names, delimiter }: Header): RawRow {
  return {
    number: record.number,
    read() {
      const cells = readCells(record, delimiter)
      if (cells.length !== names.length)
        throw new RowProblem(`the row has ${cells.length} cells, and the header has ${names.length}`)
      return Object.fromEntries(names.map((name, index) => [name, cells[index]]))
    },
  }
}

/**
 * Yields records. A record continues on the next line as long as its quotes are not paired. Blank lines are skipped. A record
 * that is too long is read to its end, except that a line that is too long ends its record, as the quotes in it are unknown.
 */
async function* readRecords(input: AsyncIterable<Buffer>): AsyncGenerator<CsvRecord> {
  let number = 0
  let first = 1
  let lines: Buffer[] = []
  let length = 0
  let isQuoted = false
  for await (const line of splitLines(input, maxRowBytes)) {
    number += 1
    length += (line?.length ?? maxRowBytes + 1) + 1
    const isTooLong = length > maxRowBytes + 1
    if (isTooLong) lines = []
    else if (line) lines.push(line)
    if (line && hasOddQuotes(line)) isQuoted = !isQuoted
    if (line && isQuoted) continue
    if (isTooLong) yield { number: first, bytes: null }
    else if (!isBlank(lines)) yield { number: first, bytes: join(lines) }
    first = number + 1
    lines = []
    length = 0
    isQuoted = false
  }
  if (length > 0) yield { number: first, bytes: length > maxRowBytes + 1 ? null : join(lines) }
}

function hasOddQuotes(line: Buffer): boolean {
  let isOdd = false
  for (let at = line.indexOf(quote); at !== -1; at = line.indexOf(quote, at + 1)) isOdd = !isOdd
  return isOdd
}

function isBlank([line, ...others]: Buffer[]): boolean {
  return others.length === 0 && /^\r?$/.test(String(line))
}

function join(lines: Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, index) => (index > 0 ? [lineFeed, line] : line)))
}

/** @throws RowProblem */
function readCells({ bytes }: CsvRecord, delimiter: string): string[] {
  if (bytes === null) throw new RowProblem(`a row must have at most ${maxRowBytes} bytes`)
  if (!isUtf8(bytes)) throw new RowProblem('the row is not valid UTF-8')
  const text = bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .replace(/\r$/, '')
  const cells: string[] = []
  let start = 0
  while (start <= text.length) {
    const readCell = text[start] === '"' ? readQuotedCell : readPlainCell
    const { cell, end } = readCell(text, start, delimiter)
    cells.push(cell)
    if (cells.length > maxColumns) throw new RowProblem(`a row must have at most ${maxColumns} cells`)
    start = end + 1
  }
  return cells
}

function readPlainCell(text: string, start: number, delimiter: string) {
  const next = text.indexOf(delimiter, start)
  const end = next === -1 ? text.length : next
  return { cell: text.slice(start, end), end }
}

/** Reads a quoted cell, in which two quotes stand for one. */
function readQuotedCell(text: string, start: number, delimiter: string) {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
  if (end === -1 || (end + 1 < text.length && text[end + 1] !== delimiter))
    throw new RowProblem('a quoted cell does not end with a quote and a delimiter')
  return { cell: text.slice(start + 1, end).replaceAll('""', '"'), end: end + 1 }
}

import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { OperatorError } from '../lifecycle/operator-error.js'

// An archive is a gzip file (RFC 1952) of lines in UTF-8:
//
//  1.  the header, as JSON: see ArchiveHeader
//  2.  for each table of the header, in its order: the rows in the text format of PostgreSQL's COPY, a line with `\.`, and
//      the end of the part, as JSON: see ArchivePart
//  3.  the end of the archive, as JSON: see ArchiveEnd
//
// Each line of JSON is hashed into the checksum of the archive, and contains the checksum of the rows before it.

/** Name of the format, in the header. */
export const formatName = 'latchkey-backup'

/** Version of the format. A reader refuses any other. */
export const formatVersion = 1

/** Line that follows the last row of a table. No row equals it, as COPY escapes a backslash by another one. */
export const endOfRows = Buffer.from('\\.\n')

/** Byte with which every line and every row ends. */
export const lineBreak = 0x0a

/** Maximum length of a line of JSON (bytes). */
export const maxLineLength = 1_048_576

/**
 * Maximum length of a row (bytes). The longest that the columns permit has a key set of 128 KiB, of which COPY can escape every
 * byte by another, and certificates of 65,536 characters with up to four bytes each: 0.6 MiB. test/backup/rows.test.ts adds up
 * the columns of every table.
 */
export const maxRowLength = 1_048_576

const Name = Type.String({ minLength: 1, maxLength: 255 })
const Checksum = Type.String({ pattern: '^[0-9a-f]{64}$' })
const Count = Type.Integer({ minimum: 0 })
const strict = { additionalProperties: false }

/** A table in an archive. */
const ArchiveTable = Type.Object({ name: Name, columns: Type.Array(Name, { maxItems: 1_600 }) }, strict)

export const ArchiveHeader = Type.Object(
  {
    format: Type.Literal(formatName),
    version: Type.Literal(formatVersion),
    /** Version of Latchkey that wrote it. */
    latchkey: Name,
    created_at: Type.String({ format: 'date-time' }),
    /** Migrations of the database, in the order of their names, with the SHA-256 of their files. */
    migrations: Type.Array(Type.Object({ name: Name, checksum: Checksum }, strict), { maxItems: 10_000 }),
    tables: Type.Array(ArchiveTable, { maxItems: 1_000 }),
    /** Sequences with the last value that each has given. */
    sequences: Type.Array(
      Type.Object({ name: Name, value: Type.String({ pattern: '^-?\\d{1,19}$' }) }, strict),
      {
        maxItems: 1_000,
      },
    ),
  },
  strict,
)
export type ArchiveHeader = Static<typeof ArchiveHeader>
export type ArchiveTable = Static<typeof ArchiveTable>

/** End of the rows of a table. The checksum is the SHA-256 of its rows. */
export const ArchivePart = Type.Object({ table: Name, rows: Count, sha256: Checksum }, strict)
export type ArchivePart = Static<typeof ArchivePart>

/** End of an archive. The checksum is the SHA-256 of all earlier lines of JSON. */
export const ArchiveEnd = Type.Object({ rows: Count, sha256: Checksum }, strict)

/** Summary of the content of an archive. */
export interface ArchiveSummary {
  header: ArchiveHeader
  /** Number of rows of all tables. */
  rows: number
}

/** Thrown for a file that is not an archive, is damaged, or does not fit the database. */
export class InvalidArchive extends OperatorError {
  constructor(problem: string, cause?: unknown) {
    super(`the archive ${problem}`, { cause })
  }
}

/** Counts the rows of a table and computes their checksum. */
export interface RowMeter {
  add(chunk: Uint8Array): void
  result(): Omit<ArchivePart, 'table'>
}

/** Returns how many rows end in some bytes. Line breaks in a column are escaped. */
export function countRows(bytes: Uint8Array): number {
  let rows = 0
  for (let at = bytes.indexOf(lineBreak); at !== -1; at = bytes.indexOf(lineBreak, at + 1)) rows += 1
  return rows
}

/** Creates a meter. */
export function createRowMeter(): RowMeter {
  const hash = createHash('sha256')
  let rows = 0
  return {
    add(chunk) {
      hash.update(chunk)
      rows += countRows(chunk)
    },
    result: () => ({ rows, sha256: hash.digest('hex') }),
  }
}

/** Returns a value as a line of JSON. */
export function toLine(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

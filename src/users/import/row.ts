import type { AccountRow } from './account.js'

/** A row of a source. */
export interface Row<Fields> {
  /** Number of the line that it begins at or, where there are no lines, its position; from 1. */
  number: number
  /** @throws RowProblem if it is malformed */
  read(): Fields
}

/** A row whose columns or members have the names that the source gives them. */
export type RawRow = Row<Record<string, unknown>>

/** A row that describes an account. */
export type SourceRow = Row<AccountRow>

/** Maximum length of a row (bytes). */
export const maxRowBytes = 65_536
/** Maximum number of columns or members of a row. */
export const maxColumns = 200

/** Translates the columns of rows. */
export async function* translateRows<Fields>(
  rows: AsyncIterable<Row<Fields>>,
  translate: (fields: Fields) => AccountRow,
): AsyncGenerator<SourceRow> {
  for await (const { number, read } of rows) yield { number, read: () => translate(read()) }
}

import type { Io } from './run.js'

/** A row of a table, or one thing that a command tells of. */
export type Row = Record<string, string | number | boolean | null | string[]>

/** Prints rows: a table for people or, for machines, a JSON array. */
export function printRows(io: Io, rows: Row[], columns: string[], json: unknown): void {
  if (json) {
    printJson(io, rows)
    return
  }
  const table = columns.map((column) => toColumn([column, ...rows.map((row) => toCell(row[column]))]))
  for (let line = 0; line <= rows.length; line++)
    io.stdout.write(
      `${table
        .map((cells) => cells[line])
        .join('  ')
        .trimEnd()}\n`,
    )
}

function toColumn(cells: string[]): string[] {
  const width = Math.max(...cells.map(({ length }) => length))
  return cells.map((cell) => cell.padEnd(width))
}

/** Prints what came of a command: a sentence for people or, for machines, a JSON object. */
export function printResult(io: Io, result: Row, sentence: string, json: unknown): void {
  if (json) printJson(io, result)
  else io.stdout.write(`${sentence}\n`)
}

function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function toCell(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return '-'
  return Array.isArray(value) ? value.join(' ') || '-' : String(value)
}

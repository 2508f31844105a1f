import type { Io } from './io.js'

/** A value of a row. */
type Value = string | number | boolean | null | string[] | Record<string, string | null>[]

/** A row of a table, or the result of a command. */
export type Row = Record<string, Value>

/** Prints rows as a table or, for machines, as a JSON array. */
export function printRows(io: Io, rows: Row[], columns: string[], json: unknown): void {
  if (json) {
    printJson(io.stdout, rows)
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
  const width = Math.max(...cells.map(widthOf))
  return cells.map((cell) => cell + ' '.repeat(width - widthOf(cell)))
}

/** Prints the result of a command as lines or, for machines, as a JSON object. */
export function printResult(io: Io, result: Row, lines: string | string[], json: unknown): void {
  if (json) printJson(io.stdout, result)
  else for (const line of [lines].flat()) io.stdout.write(`${escapeLine(line)}\n`)
}

/** Prints one row: a line for each member or, for machines, a JSON object. */
export function printRow(io: Io, row: Row, json: unknown): void {
  const names = toColumn(Object.keys(row))
  const lines = Object.values(row).map((value, index) => `${names[index]}  ${toCell(value)}`)
  printResult(io, row, lines, json)
}

/** Prints JSON, with all characters escaped that could control a terminal. */
export function printJson(output: NodeJS.WritableStream, value: unknown): void {
  output.write(`${escapeJson(JSON.stringify(value, null, 2))}\n`)
}

/** Returns a value as a line of NDJSON, with all characters escaped that could control a terminal. */
export function toJsonLine(value: unknown): string {
  return `${escapeJson(JSON.stringify(value))}\n`
}

function toCell(value: Value | undefined): string {
  if (value === null || value === undefined) return '-'
  return escapeLine(Array.isArray(value) ? value.map(toWord).join(' ') || '-' : String(value))
}

/** Returns an element of a list for a table, in which members of an object are separated by slashes. */
function toWord(element: string | Record<string, string | null>): string {
  if (typeof element === 'string') return element
  return Object.values(element)
    .map((member) => member ?? '-')
    .join('/')
}

/**
 * Characters that can control a terminal or are invisible: controls, formats, surrogates, private and unassigned ones
 * (Unicode category C), and line separators.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Returns a text that fits on one line, with unprintable characters written as `\u{…}`. */
export function escapeLine(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${Number(character.codePointAt(0)).toString(16)}}`)
}

/** Escapes each line of a text. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeLine).join('\n')
}

/** Escapes JSON without changing its meaning. Line breaks between members remain; those in strings are escaped already. */
function escapeJson(json: string): string {
  return json.replace(unprintable, (character) => (character === '\n' ? '\n' : toUnits(character)))
}

function toUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}

/** Returns the number of columns that a text takes in a terminal. */
function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += takesNone.test(character) ? 0 : takesTwo.test(character) ? 2 : 1
  return width
}

const takesNone = /[\p{Mn}\p{Me}]/u
const takesTwo =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u

/**
 * Ends the process when its output cannot be written: with status 0 if the reader has closed the pipe, as `head` does,
 * otherwise with 1.
 */
export function endWithReader(output: NodeJS.WritableStream, exit: (status: number) => void): void {
  output.on('error', ({ code }: NodeJS.ErrnoException) => exit(Number(code !== 'EPIPE')))
}

/** Goes on when messages cannot be written: the exit status still tells the outcome. */
export function ignoreErrors(messages: NodeJS.WritableStream): void {
  messages.on('error', () => {})
}

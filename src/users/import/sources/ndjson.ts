import { isObject } from '../../../http/json/is-object.js'
import { parseJson } from '../../../http/json/parser.js'
import { splitLines } from '../../../http/split-lines.js'
import { RowProblem } from '../account.js'
import { maxColumns, maxRowBytes, type RawRow } from '../row.js'

/** Reads NDJSON, one object a line. Blank lines are skipped, but counted. */
export async function* readNdjson(input: AsyncIterable<Buffer>): AsyncGenerator<RawRow> {
  let number = 0
  for await (const line of splitLines(input, maxRowBytes)) {
    number += 1
    if (line && /^\s*$/.test(line.toString('latin1'))) continue
    yield { number, read: () => readObject(line) }
  }
}

/** @param line null if it is too long */
function readObject(line: Buffer | null): Record<string, unknown> {
  if (line === null) throw new RowProblem(`a line must have at most ${maxRowBytes} bytes`)
  const value = parse(line)
  if (!isObject(value)) throw new RowProblem('a line must be a JSON object')
  if (Object.keys(value).length > maxColumns)
    throw new RowProblem(`an object must have at most ${maxColumns} members`)
  return value
}

function parse(line: Buffer): unknown {
  try {
    return parseJson(line)
  } catch {
    throw new RowProblem('the line is not valid JSON in UTF-8, or has a member __proto__')
  }
}

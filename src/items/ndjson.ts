import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { errorCodes, type FastifyRequest, type FastifySchemaValidationError } from 'fastify'
import type { Static } from 'typebox'
import { InvalidInput } from '../errors.js'
import { parseJson } from '../http/json/parser.js'
import { createPace } from '../http/pace.js'
import type { ValidationIssue } from '../http/schema.js'
import { ref } from '../http/schema.js'
import { splitLines } from '../http/split-lines.js'
import { toIssue, toIssues } from '../http/validation-issues.js'
import { createFailures, type Failures } from './failures.js'
import { toContent } from './item.js'
import { maxImportBytes, maxInvalidLines, maxItemBytes, NewItem } from './item-schema.js'
import type { NewRow } from './item-store.js'
import type { HeldBytes } from './transfer-slots.js'

/** A valid line of an import. Lines count from 1. Its metadata stays text, as many small objects take far more memory. */
export interface ImportLine extends NewRow {
  line: number
}

/** The outcome of reading the lines of an import. */
export interface ImportLines {
  valid: ImportLine[]
  failures: Failures
  /** The line that reading ended at because too many were invalid. */
  stoppedAt?: number
}

/** Work of one line beside its bytes, where the unit is one byte of JSON. */
const lineWork = 256
/** Work of one line that is invalid: errors are made of it. */
const invalidLineWork = 2_048
/** Work in one turn of the event loop: a few milliseconds at most. */
const turnWork = 16_384

const newItem = ref(NewItem)

/**
 * Reads NDJSON as it arrives, one new item a line. Blank lines are skipped, but count.
 *
 * @param held counts the bytes of all imports
 * @throws InvalidInput when there are more than `maxLines`; FastifyError (413) when the body is too large
 */
export async function readLines(
  body: Readable,
  maxLines: number,
  request: FastifyRequest,
  held: Pick<HeldBytes, 'add'>,
): Promise<ImportLines> {
  const parseLine = createLineParser(request)
  const pace = createPace(turnWork)
  const valid: ImportLine[] = []
  const failures = createFailures()
  let line = 0
  for await (const bytes of splitLines(receive(body, held), maxItemBytes)) {
    line += 1
    if (line > maxLines)
      throw new InvalidInput('body', [], 'too_many_lines', `An import has at most ${maxLines} lines`)
    const parsed = parseLine(bytes, line)
    if (Array.isArray(parsed)) failures.add(parsed)
    else if (parsed) valid.push(parsed)
    if (failures.count >= maxInvalidLines) return { valid, failures, stoppedAt: line }
    await pace((Array.isArray(parsed) ? invalidLineWork : lineWork) + (bytes?.length ?? 0))
  }
  return { valid, failures }
}

/** The bytes of a body, up to the bound. A stream that is not read to its end stays open: its socket carries the answer. */
async function* receive(body: Readable, held: Pick<HeldBytes, 'add'>): AsyncGenerator<Buffer> {
  let length = 0
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxImportBytes) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
      held.add(chunk.length)
      yield chunk
    }
  } catch (error) {
    throw body.errored ? new InvalidInput('body', [], 'incomplete', 'The body ended early') : error
  }
}

type LineParser = (bytes: Buffer | null, line: number) => ImportLine | ValidationIssue[] | undefined

/** Creates a function that reads one line: the item, the complaints about it, or undefined for a blank one. */
function createLineParser(request: FastifyRequest): LineParser {
  const isNewItem = request.compileValidationSchema(newItem)

  return function parseLine(bytes, line) {
    if (bytes && isBlank(bytes)) return undefined
    const path = ['body', String(line)]
    try {
      if (bytes === null) throw new InvalidInput('body', [], 'too_long', 'The line is too long')
      const item = parseJson(bytes) as Static<typeof NewItem>
      if (!isNewItem(item)) return toIssues(isNewItem.errors as FastifySchemaValidationError[], path)
      const { item_id: itemId = randomUUID(), ...given } = item
      const { title, description, metadata } = toContent(given)
      return { line, itemId, title, description, metadata: JSON.stringify(metadata) }
    } catch (error) {
      const notJson = new InvalidInput('body', [], 'json_invalid', 'Not valid JSON')
      return [toIssue(error instanceof InvalidInput ? error : notJson, path)]
    }
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

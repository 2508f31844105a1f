import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { errorCodes, type FastifyRequest, type FastifySchemaValidationError } from 'fastify'
import type { Static } from 'typebox'
import { InvalidInput } from '../errors.js'
import { parseJson } from '../http/json/parser.js'
import { createPace } from '../http/pace.js'
import { ref } from '../http/schema.js'
import { splitLines } from '../http/split-lines.js'
import { toIssue, toIssues, type ValidationIssue } from '../http/validation-issues.js'
import { createFailures, type Failures } from './failures.js'
import { toStored } from './item.js'
import { maxImportBytes, maxInvalidLines, maxItemBytes, NewItem } from './item-schema.js'
import type { NewRow } from './item-store.js'
import type { HeldBytes } from './transfer-slots.js'

/** A valid line of an import. Its metadata stays text, as many small objects take far more memory. */
export interface ImportLine extends NewRow {
  /** Number of the line, from 1. */
  line: number
}

/** The lines of an import. */
export interface ImportLines {
  valid: ImportLine[]
  failures: Failures
  /** Number of the line at which reading stopped because too many were invalid. */
  stoppedAt?: number
}

/** Work of a line in addition to its bytes, where one unit is the work of one byte of JSON. */
const lineWork = 256
/** Work of an invalid line in addition to its bytes: its issues are collected. */
const invalidLineWork = 2_048
/** Maximum work in one turn of the event loop: a few milliseconds. */
const turnWork = 16_384

const newItem = ref(NewItem)

/**
 * Reads NDJSON as it arrives, one new item a line. Blank lines are skipped, but counted.
 *
 * @param held counts the bytes that are kept
 * @throws InvalidInput if there are more than `maxLines`; FastifyError (413) if the body is too large
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

/**
 * Yields the chunks of a body, up to the maximum size. Ending early does not destroy the body: that would close the
 * socket, which still has to carry the response.
 */
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

/** Returns the item of a line, its issues, or undefined for a blank line. */
type LineParser = (bytes: Buffer | null, line: number) => ImportLine | ValidationIssue[] | undefined

function createLineParser(request: FastifyRequest): LineParser {
  const isNewItem = request.compileValidationSchema(newItem)

  return function parseLine(bytes, line) {
    if (bytes && isBlank(bytes)) return undefined
    const place = ['body', String(line)]
    try {
      if (bytes === null) throw new InvalidInput('body', [], 'too_long', 'The line is too long')
      const item = parseJson(bytes) as Static<typeof NewItem>
      if (!isNewItem(item)) return toIssues(isNewItem.errors as FastifySchemaValidationError[], place)
      const { item_id: itemId = randomUUID(), ...content } = item
      const { title, description, metadata } = toStored(content)
      return { line, itemId, title, description, metadata: JSON.stringify(metadata) }
    } catch (error) {
      const notJson = new InvalidInput('body', [], 'json_invalid', 'Not valid JSON')
      return [toIssue(error instanceof InvalidInput ? error : notJson, place)]
    }
  }
}

/** Returns whether a line has only white space as JSON defines it. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import type { Static } from 'typebox'
import { type Complaint, complaintOf, describeInvalid, InvalidInput } from '../errors.js'
import { ref } from '../schema.js'
import { toContent } from './item.js'
import { maxItemBytes, NewItem } from './schema.js'
import type { ItemContent } from './store.js'

/** An item, as a line said it. Lines count from 1. */
export interface ImportLine {
  line: number
  item: ItemContent & { itemId: string }
}

/** What came of reading lines: the good ones, and what is wrong with the others. */
export interface ImportLines {
  good: ImportLine[]
  complaints: Complaint[][]
}

const newItem = ref(NewItem)

/** Reads NDJSON: one new item a line; empty lines are left out. */
export function readLines(body: Buffer, request: FastifyRequest, app: FastifyInstance): ImportLines {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const isNewItem = request.compileValidationSchema(newItem)
  const read: ImportLines = { good: [], complaints: [] }

  for (const [index, bytes] of splitLines(body).entries()) {
    const line = index + 1
    if (bytes.length === 0 || isBlank(bytes)) continue
    const result = readLine(bytes, ['body', String(line)])
    if (Array.isArray(result)) read.complaints.push(result)
    else read.good.push({ line, item: result })
  }
  return read

  function readLine(bytes: Buffer, path: string[]): ImportLine['item'] | Complaint[] {
    try {
      const item = parseLine(bytes) as Static<typeof NewItem>
      if (!isNewItem(item)) return describeInvalid(isNewItem.errors as FastifySchemaValidationError[], path)
      const { item_id: itemId = randomUUID(), ...given } = item
      return { itemId, ...toContent(given) }
    } catch (error) {
      return [complaintOf(error as InvalidInput, path)]
    }
  }

  /** @throws InvalidInput */
  function parseLine(bytes: Buffer): unknown {
    if (bytes.length > maxItemBytes) throw new InvalidInput('body', [], 'too_long', 'The line is too long')
    let result: unknown
    parseJson(request, decode(bytes), (error, value) => {
      if (error) throw new InvalidInput('body', [], 'json_invalid', 'This is no JSON')
      result = value
    })
    return result
  }
}

/** @throws InvalidInput */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new InvalidInput('body', [], 'utf8_invalid', 'This is no UTF-8')
  }
}

function splitLines(body: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(0x0a, start)
    lines.push(body.subarray(start, end === -1 ? body.length : end))
    start = end === -1 ? body.length : end + 1
  }
  return lines
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

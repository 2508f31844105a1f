import { isStorable, isUuid } from '../database/storable.js'
import { InvalidInput } from '../errors.js'
import { splitTarget } from './request-target.js'

/** Where a page ended: the value it is sorted by, and the id that decides between equal ones. */
export interface Position {
  sort: string
  value: string | null
  id: string
}

/** An opaque text that names a position in a list. */
export function encodeCursor({ sort, value, id }: Position): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString('base64url')
}

/**
 * The position that a cursor names.
 *
 * @param holdsTime whether the list is sorted by a time
 * @throws InvalidInput when we have not made it, or for another order
 */
export function decodeCursor(cursor: string, sort: string, holdsTime = false): Position {
  const [cursorSort, value, id] = parse(cursor)
  const isValue = holdsTime ? isTime : isTextOrNull
  if (cursorSort !== sort || typeof id !== 'string' || !isUuid(id) || !isValue(value))
    throw new InvalidInput('query', ['cursor'], 'cursor', 'This cursor was not made for this list')
  return { sort, value, id }
}

/** Adds `rel="next"` to where a list goes on (RFC 8288): the request's own address with another cursor. */
export function nextLink(url: string, cursor: string): string {
  const [path, query] = splitTarget(url)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `<${path}?${parameters}>; rel="next"`
}

function parse(cursor: string): unknown[] {
  try {
    return [JSON.parse(Buffer.from(cursor, 'base64url').toString())].flat()
  } catch {
    return []
  }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && isStorable(value))
}

/** As `Date.toISOString` writes it, in a year that PostgreSQL takes. */
function isTime(value: unknown): value is string {
  const date = new Date(String(value))
  return (
    /^(?!0000)\d{4}-/.test(String(value)) && !Number.isNaN(date.getTime()) && date.toISOString() === value
  )
}

import { isStorable, isUuid } from '../database/storable.js'
import { InvalidInput } from '../errors.js'
import { splitTarget } from './request-target.js'

/** The position after which a page starts: the sort value of the row before it, and that row's id as a tie-breaker. */
export interface Position {
  sort: string
  value: string | null
  id: string
}

/** Returns an opaque text for a position. */
export function encodeCursor({ sort, value, id }: Position): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString('base64url')
}

/**
 * Returns the position for which a cursor was made.
 *
 * @param sort order of the list
 * @param holdsTime whether the list is sorted by a time
 * @throws InvalidInput if the cursor is malformed, or was made for another order
 */
export function decodeCursor(cursor: string, sort: string, holdsTime = false): Position {
  const [cursorSort, value, id] = parse(cursor)
  const isValue = holdsTime ? isTime : isTextOrNull
  if (cursorSort !== sort || typeof id !== 'string' || !isUuid(id) || !isValue(value)) throw foreignCursor()
  return { sort, value, id }
}

/** Returns an opaque text for the position after a row of a list that is sorted by unique names. */
export function encodeNameCursor(list: string, name: string): string {
  return Buffer.from(JSON.stringify([list, name])).toString('base64url')
}

/** Returns the name for which a cursor was made. @throws InvalidInput if it is malformed, or was made for another list */
export function decodeNameCursor(cursor: string, list: string): string {
  const [ofList, name] = parse(cursor)
  if (ofList !== list || typeof name !== 'string' || !isStorable(name)) throw foreignCursor()
  return name
}

/** Returns a `Link` to the next page (RFC 8288): the URL of the request with another cursor. */
export function nextLink(url: string, cursor: string): string {
  const [path, query] = splitTarget(url)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `<${path}?${parameters}>; rel="next"`
}

function foreignCursor(): InvalidInput {
  return new InvalidInput('query', ['cursor'], 'cursor', 'This cursor was not made for this list')
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

/** Returns whether a value is a time as `Date.toISOString` formats it, in a year that PostgreSQL accepts. */
function isTime(value: unknown): value is string {
  const date = new Date(String(value))
  return (
    /^(?!0000)\d{4}-/.test(String(value)) && !Number.isNaN(date.getTime()) && date.toISOString() === value
  )
}

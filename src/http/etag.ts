import { ServiceError } from '../errors.js'

/** The headers by which a request depends on the current state (RFC 9110 §13.1). */
export interface Conditions {
  'if-match'?: string | undefined
  'if-none-match'?: string | undefined
}

/** The parts of a field: separators, an entity tag, or a character that belongs to neither. */
const parts = /[ \t,]+|((?:W\/)?"[\x21\x23-\x7E\x80-\xFF]*"(?=[ \t]*(?:,|$)))|(.)/gs

/** The entity tags of a field (RFC 9110 §8.8.3), of which a comma may be part. A malformed field has none. */
function parseEntityTags(field: string): string[] {
  const tags: string[] = []
  for (const [, tag, malformed] of field.matchAll(parts)) {
    if (malformed !== undefined) return []
    if (tag !== undefined) tags.push(tag)
  }
  return tags
}

/** Whether a field names the current entity tag, or is `*` and there is one. An absent resource matches nothing. */
function matches(
  field: string,
  etag: string | null,
  isEqual: (tag: string, etag: string) => boolean,
): boolean {
  if (etag === null) return false
  return field.trim() === '*' || parseEntityTags(field).some((tag) => isEqual(tag, etag))
}

/** RFC 9110 §8.8.3.2. Our own tags are strong. */
const strongly = (tag: string, etag: string) => tag === etag
const weakly = (tag: string, etag: string) => tag.replace(/^W\//, '') === etag

/** @throws ServiceError `precondition_failed` where `If-Match` does not name the current state (RFC 9110 §13.1.1) */
function requireMatch({ 'if-match': field }: Conditions, etag: string | null): void {
  if (field !== undefined && !matches(field, etag, strongly)) throw new ServiceError('precondition_failed')
}

/** Whether `If-None-Match` names the current state (RFC 9110 §13.1.2). */
function isNamed({ 'if-none-match': field }: Conditions, etag: string | null): boolean {
  return field !== undefined && matches(field, etag, weakly)
}

/**
 * Whether the caller of a GET has the current state already (RFC 9110 §13.2.2).
 *
 * @throws ServiceError `precondition_failed` where it asks for another one
 */
export function isUnchanged(headers: Conditions, etag: string): boolean {
  requireMatch(headers, etag)
  return isNamed(headers, etag)
}

/**
 * Lets a change pass only if the current state is the one that its sender knows (RFC 9110 §13.2.2).
 *
 * @param etag of the current state, or null where there is none
 * @throws ServiceError `precondition_failed`; `precondition_required` when changes need a condition and this has none
 */
export function requirePreconditions(headers: Conditions, etag: string | null, isRequired: boolean): void {
  if (isRequired && headers['if-match'] === undefined && headers['if-none-match'] === undefined)
    throw new ServiceError('precondition_required')
  requireMatch(headers, etag)
  if (isNamed(headers, etag)) throw new ServiceError('precondition_failed')
}

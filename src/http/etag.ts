import { createHash } from 'node:crypto'
import { ServiceError } from '../errors.js'
import { parseList } from './list-field.js'

/** The headers that make a request conditional on the current state (RFC 9110 §13.1). */
export interface Conditions {
  'if-match'?: string | undefined
  'if-none-match'?: string | undefined
}

/** RFC 9110 §8.8.3: the opaque tag may contain commas. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7E\x80-\xFF]*"$/

/** Returns the entity tag of a small document that has no version. */
export function etagOfContent(document: object): string {
  return `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url')}"`
}

/** Returns the entity tags of a field; none if one of them is malformed. */
function parseEntityTags(field: string): string[] {
  const tags = parseList(field)
  return tags.every((tag) => entityTag.test(tag)) ? tags : []
}

/** Returns whether a field lists the current entity tag, or is `*`. A resource that does not exist matches nothing. */
function matches(
  field: string,
  etag: string | null,
  isEqual: (tag: string, etag: string) => boolean,
): boolean {
  if (etag === null) return false
  return field.trim() === '*' || parseEntityTags(field).some((tag) => isEqual(tag, etag))
}

/** Strong comparison (RFC 9110 §8.8.3.2). */
function isStrongMatch(tag: string, etag: string): boolean {
  return tag === etag && !tag.startsWith('W/')
}

/** Weak comparison (RFC 9110 §8.8.3.2) with a strong entity tag. */
function isWeakMatch(tag: string, etag: string): boolean {
  return tag.replace(/^W\//, '') === etag
}

/** @throws ServiceError `precondition_failed` if `If-Match` does not list the current state (RFC 9110 §13.1.1) */
function requireMatch({ 'if-match': field }: Conditions, etag: string | null): void {
  if (field !== undefined && !matches(field, etag, isStrongMatch))
    throw new ServiceError('precondition_failed')
}

/** Returns whether `If-None-Match` lists the current state (RFC 9110 §13.1.2). */
function isListed({ 'if-none-match': field }: Conditions, etag: string | null): boolean {
  return field !== undefined && matches(field, etag, isWeakMatch)
}

/**
 * Returns whether the client of a GET already has the current state (RFC 9110 §13.2.2).
 *
 * @throws ServiceError `precondition_failed` if the client wants another state only
 */
export function isUnchanged(headers: Conditions, etag: string): boolean {
  requireMatch(headers, etag)
  return isListed(headers, etag)
}

/**
 * Returns the entity tag of the copy that the client of a GET can keep, of those that it has, or undefined if it can keep none
 * (RFC 9110 §13.1.2). It may be older than the current one, and belongs in the 304 response, so that a cache does not take its
 * copy for a newer one.
 *
 * @param isGood whether a copy with this entity tag is as good as the current state
 * @throws ServiceError `precondition_failed` if the client wants another state only
 */
export function findGoodCopy(
  headers: Conditions,
  etag: string,
  isGood: (tag: string) => boolean,
): string | undefined {
  requireMatch(headers, etag)
  const { 'if-none-match': field = '' } = headers
  return field.trim() === '*' ? etag : parseEntityTags(field).find(isGood)
}

/**
 * Allows a change only if the current state meets its preconditions (RFC 9110 §13.2.2).
 *
 * @param etag of the current state, or null if the resource does not exist
 * @param isRequired whether a change needs a precondition
 * @throws ServiceError `precondition_failed`, `precondition_required`
 */
export function requirePreconditions(headers: Conditions, etag: string | null, isRequired: boolean): void {
  if (isRequired && headers['if-match'] === undefined && headers['if-none-match'] === undefined)
    throw new ServiceError('precondition_required')
  requireMatch(headers, etag)
  if (isListed(headers, etag)) throw new ServiceError('precondition_failed')
}

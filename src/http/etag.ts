import { ServiceError } from '../errors.js'

/** The headers by which a request depends on what is there (RFC 9110 §13.1). */
export interface Conditions {
  'if-match'?: string | undefined
  'if-none-match'?: string | undefined
}

/** Whether a list of entity tags has this one, or is `*`. Nothing matches what is not there. */
function matches(list: string, etag: string | null): boolean {
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return etag !== null && (tags.includes(etag) || tags.includes('*'))
}

/** Whether the caller of a GET has this already (RFC 9110 §13.1.2). */
export function isUnchanged({ 'if-none-match': list }: Conditions, etag: string): boolean {
  return list !== undefined && matches(list, etag)
}

/**
 * Lets a change pass only if what is there is what its sender knows (RFC 9110 §13.2.2).
 *
 * @param etag of what is there, or null
 * @throws ServiceError `precondition_failed`; `precondition_required` when changes need a condition and this has none
 */
export function requirePreconditions(headers: Conditions, etag: string | null, isRequired: boolean): void {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  if (isRequired && ifMatch === undefined && ifNoneMatch === undefined)
    throw new ServiceError('precondition_required')
  // A weak tag never matches strongly (RFC 9110 §8.8.3.2), and ours are strong.
  if (ifMatch !== undefined && !matches(ifMatch.replace(/W\/"[^"]*"/g, ''), etag))
    throw new ServiceError('precondition_failed')
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) throw new ServiceError('precondition_failed')
}

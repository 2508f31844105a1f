import { VerificationError } from '../errors/verification-error.js'
import { isObject, type JsonObject } from '../token/json.js'

/** Entry of a status list that a token names. */
export interface StatusReference {
  uri: string
  /** Index of the entry. */
  idx: number
}

/**
 * Reads the `status` claim of a token (draft-ietf-oauth-status-list §6.2), or returns null without one.
 *
 * @throws VerificationError `bad_status` for another status mechanism, and for a malformed claim
 */
export function readStatus({ status }: JsonObject): StatusReference | null {
  if (status === undefined) return null
  const list = isObject(status) ? status.status_list : undefined
  if (!isObject(list)) throw new VerificationError('bad_status')
  const { uri, idx } = list
  if (typeof uri !== 'string' || !isIndex(idx)) throw new VerificationError('bad_status')
  return { uri, idx }
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

import { base64url } from 'jose'
import { isObject, type JsonObject } from '../token/json.js'
import { inflate } from './inflate.js'

/** A token status list with one bit for each entry. */
export interface StatusList {
  bits: Uint8Array
  /** Time after which a newer list is due (milliseconds), if the list says so. */
  ttlMs: number
  /** End of its validity (milliseconds since 1970). */
  expiresAt: number
}

/** Maximum size of a list (bytes): 2^20 entries. */
const maxListBytes = 131_072

/**
 * Reads the claims of a status list token (draft-ietf-oauth-status-list §5.1, §8.3).
 *
 * @param uri where it was fetched
 * @param now milliseconds since 1970
 * @throws Error that says what is wrong
 */
export async function readStatusList(claims: JsonObject, uri: string, now: number): Promise<StatusList> {
  const { sub, iat, exp, ttl = Number.MAX_SAFE_INTEGER, status_list: list } = claims
  if (sub !== uri) throw new Error(`the status list is that of ${JSON.stringify(sub)}`)
  if (![iat, exp, ttl].every(isTime)) throw new Error('iat, exp and ttl of the status list must be numbers')
  const expiresAt = Number(exp) * 1000
  if (expiresAt <= now) throw new Error('the status list has expired')
  if (!isObject(list) || list.bits !== 1 || typeof list.lst !== 'string')
    throw new Error('the status list must have bits of 1 and an lst')
  const bits = await inflate(base64url.decode(list.lst) as Uint8Array<ArrayBuffer>, maxListBytes)
  return { bits, ttlMs: Number(ttl) * 1000, expiresAt }
}

function isTime(value: unknown): boolean {
  return Number.isFinite(value) && Number(value) >= 0
}

/** Returns the status of an entry: 0 if it is valid, 1 if it is not, undefined if the list has no such entry. */
export function statusAt({ bits }: Pick<StatusList, 'bits'>, idx: number): number | undefined {
  const byte = bits[Math.floor(idx / 8)]
  return byte === undefined ? undefined : (byte >> (idx % 8)) & 1
}

/**
 * Returns a list with the revocations of an older one, too: an entry that was once revoked stays so, even if a cache on the way
 * sends an old list again.
 */
export function keepRevocations(newer: StatusList, older: StatusList | null): StatusList {
  if (!older) return newer
  return { ...newer, bits: newer.bits.map((byte, index) => byte | (older.bits[index] ?? 0)) }
}

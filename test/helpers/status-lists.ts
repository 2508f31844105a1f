import { randomBytes } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { createPermutation } from '../../src/auth/status/permutation.js'
import { query } from '../database/query.js'

/** A status list as it is stored. */
export interface StoredList {
  id: string
  /** Returns the index that a token with this ordinal names. */
  indexOf(ordinal: number): number
}

/** Stores a list. @param retiresIn interval of PostgreSQL until it is retired */
export async function storeList(url: string, retiresIn = '1 hour'): Promise<StoredList> {
  const id = randomBytes(8).toString('base64url')
  const seed = randomBytes(32)
  await query(
    url,
    'INSERT INTO status_lists (id, class, seed, closes_at, retires_at) VALUES ($1, 0, $2, now() + $3::interval, now() + $3::interval)',
    [id, seed, retiresIn],
  )
  return { id, indexOf: createPermutation(seed).indexOf }
}

/** Revokes `count` entries of a list from the ordinal `first`. */
export async function revokeEntries(
  url: string,
  { id }: StoredList,
  first: number,
  count = 1,
): Promise<void> {
  await query(url, 'INSERT INTO status_revocations (list_id, first, count) VALUES ($1, $2, $3)', [
    id,
    first,
    count,
  ])
}

/** A status list token, decoded but not verified. */
export interface DecodedList {
  header: Record<string, unknown>
  claims: { sub: string; iat: number; exp: number; ttl: number; status_list: { bits: number; lst: string } }
  /** Returns the indices whose status is not 0, in ascending order. */
  revoked(): number[]
}

/** Decodes a status list token. */
export function decodeList(token: string): DecodedList {
  const [header, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString())) as [
    DecodedList['header'],
    DecodedList['claims'],
  ]
  return {
    header,
    claims,
    revoked() {
      const bytes = inflateSync(Buffer.from(claims.status_list.lst, 'base64url'))
      return [...bytes].flatMap((byte, position) =>
        [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => position * 8 + bit),
      )
    },
  }
}

/** Returns the revoked indices in a response, or null if it has no list: a process that is too busy answers 503. */
export function revokedIn({ statusCode, body }: { statusCode: number; body: string }): number[] | null {
  return statusCode === 200 ? decodeList(body).revoked() : null
}

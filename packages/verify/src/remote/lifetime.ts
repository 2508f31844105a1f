/** Ages of a copy of a document (milliseconds since its request was sent). `refreshMs` ≤ `freshMs` ≤ `usableMs`. */
export interface Lifetime {
  /** Age from which it is fetched again in the background. */
  refreshMs: number
  /** Age up to which it is used without waiting for a fetch. */
  freshMs: number
  /** Age up to which it is used while it cannot be fetched again. */
  usableMs: number
}

/** Share of `freshMs` after which a copy is fetched again in the background. */
const refreshShare = 2 / 3
/** Minimum of `freshMs`, so that it is not fetched for every token (milliseconds). */
const minFreshMs = 1_000
/** Time for which a copy is used if the server states none (milliseconds). */
const defaultFreshMs = 300_000

/** Returns a lifetime with the time at which the background refresh begins. */
export function createLifetime(freshMs: number, usableMs: number): Lifetime {
  const fresh = Math.min(freshMs, usableMs)
  return { refreshMs: fresh * refreshShare, freshMs: fresh, usableMs }
}

/**
 * Returns the lifetime that the server gave a copy by `Cache-Control` and `Age` (RFC 9111 §4.2).
 *
 * @param usableMs maximum age, whatever the server says
 */
export function lifetimeFrom(headers: Headers, usableMs: number): Lifetime {
  const cacheControl = headers.get('cache-control') ?? ''
  const [, maxAge] = /(?:^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl) ?? []
  const [age] = /^\d{1,9}$/.exec(headers.get('age') ?? '') ?? ['0']
  if (/(?:^|[\s,])no-(?:cache|store)/i.test(cacheControl)) return createLifetime(minFreshMs, usableMs)
  const freshMs = maxAge === undefined ? defaultFreshMs : (Number(maxAge) - Number(age)) * 1000
  return createLifetime(Math.max(freshMs, minFreshMs), usableMs)
}

import type { Metrics } from '../../metrics/index.js'
import type { JwtKey } from '../keys/jwt.js'
import type { KeyRing } from '../keys/ring.js'
import type { ListBits } from './bits.js'
import { compressToken, digestOf, encodeList } from './encode.js'
import { type ListVersion, toEtag } from './list-etag.js'

/** A status list token, ready to be sent. */
export interface PublishedList extends ListVersion {
  etag: string
  /** The token (JWS Compact Serialization, ASCII). */
  token: Buffer
  /** The token in the content coding gzip. */
  gzipped: Buffer
}

/** Publishes one list. */
export interface Publisher {
  /**
   * Returns the list, signed in this minute, with every revocation that was committed at least 1 s before. It is built if it has changed, a new
   * minute has begun or another key signs, but at most twice a second.
   *
   * @param freshAt time at which the change feed was fresh (`performance.now()`)
   * @returns null if that has taken too long: another call may find the list built
   */
  publish(freshAt: number): Promise<PublishedList | null>
}

/** Dependencies of a publisher. */
export interface PublisherContext {
  keyRing: Pick<KeyRing, 'signer'>
  /** Returns the time by the clock of the database (milliseconds since 1970). */
  now(): number
  metrics: Pick<Metrics, 'statusBuilds'>
}

/** A published list, and what decides how long it can be served. */
interface Build extends PublishedList {
  key: JwtKey
  /** Number of entries that are revoked in it. */
  revoked: number
  /** Time at which the change feed was fresh before it was built (`performance.now()`). */
  beganAt: number
  /** Latest time at which it was known to be complete (`performance.now()`). */
  completeAt: number
}

/** Type of the tokens (draft-ietf-oauth-status-list §5.1). */
const tokenType = 'statuslist+jwt'
/** Time for which a list can be used (seconds). */
const lifetimeSeconds = 600
/** Time after which a verifier should ask again (seconds). */
const ttlSeconds = 3
/** Minimum time between two builds (milliseconds). */
const buildIntervalMs = 500
/** Maximum age of what a served list lacks, less the 100 ms within which the change feed delivers (milliseconds). */
const maxAgeMs = 900

/** Creates the publisher of a list. @param uri its URI, the `uri` in the tokens that refer to it */
export function createPublisher(
  uri: string,
  bits: ListBits,
  { keyRing, now, metrics }: PublisherContext,
): Publisher {
  let last: Build | undefined
  let building: Promise<Build> | undefined

  async function build(key: JwtKey, beganAt: number): Promise<Build> {
    const copy = bits.copy()
    const revoked = bits.revoked()
    const version = { digest: digestOf(copy, String(key.kid)), minute: minuteOf(now()) }
    const iat = Math.floor(now() / 1_000)
    const lst = await encodeList(copy)
    const claims = {
      sub: uri,
      iat,
      exp: iat + lifetimeSeconds,
      ttl: ttlSeconds,
      status_list: { bits: 1, lst },
    }
    const token = Buffer.from(key.signAs(tokenType, claims), 'latin1')
    const gzipped = await compressToken(token)
    metrics.statusBuilds.add({})
    return { ...version, etag: toEtag(version), token, gzipped, key, revoked, beganAt, completeAt: beganAt }
  }

  function buildOnce(key: JwtKey, beganAt: number): Promise<Build> {
    building ??= build(key, beganAt).finally(() => {
      building = undefined
    })
    return building
  }

  function isCurrent(build: Build, key: JwtKey): boolean {
    return build.revoked === bits.revoked() && build.minute === minuteOf(now()) && build.key === key
  }

  return {
    async publish(freshAt) {
      await bits.catchUp()
      const key = await keyRing.signer()
      if (last && isCurrent(last, key)) last.completeAt = Math.max(last.completeAt, freshAt)
      else if (!last || freshAt - last.beganAt >= buildIntervalMs) last = await buildOnce(key, freshAt)
      return performance.now() - last.completeAt <= maxAgeMs ? last : null
    },
  }
}

/** @param ms milliseconds since 1970 */
function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000)
}

import { LRUCache } from 'lru-cache'
import { reasonOf } from '../../lifecycle/reason.js'
import { importSet, type VerificationKey } from './jwk.js'
import { selectKey } from './jws.js'
import { fetchKeySet, type KeySource } from './key-source.js'

/** Public keys of clients and of the issuers that they trust. */
export interface KeySets {
  /** Returns the keys of a source: none if they cannot be fetched. @param header selects the key that is needed */
  load(source: KeySource, header: Record<string, unknown>): Promise<readonly VerificationKey[]>
}

/** A fetched set. Times are those of `performance.now()`. */
interface Entry {
  keys: readonly VerificationKey[]
  /** Time of the last successful fetch. */
  fetchedAt: number
  /** Time of the last fetch. */
  triedAt: number
  fetching: Promise<void> | null
}

/** Maximum number of fetched sets in memory. */
const maxSets = 500
/** Age from which a set is fetched again (milliseconds). */
const freshMs = 600_000
/** Age up to which a set is used while it cannot be fetched again (milliseconds). */
const staleMs = 3_600_000
/** Minimum time between two fetches of a set, whatever keys are asked for (milliseconds). */
const minIntervalMs = 10_000

/**
 * Creates the cache of key sets. A set is fetched when it is first needed, when it is `freshMs` old, and when a key is missing
 * that may be new: by one request at a time (single flight), and not again within `minIntervalMs`. If that fails, the set is
 * used until it is `staleMs` old.
 */
export function createKeySets(
  log: { warn(details: object, message: string): void },
  fetchSet: (source: KeySource) => Promise<unknown> = fetchKeySet,
): KeySets {
  const entries = new LRUCache<string, Entry>({ max: maxSets })
  const stored = new WeakMap<KeySource, readonly VerificationKey[]>()

  function entryOf({ jwksUri, issuer, allowPrivateHost, ca }: KeySource): Entry {
    const name = JSON.stringify([jwksUri, issuer, allowPrivateHost, ca])
    const known = entries.get(name)
    if (known) return known
    const never = Number.NEGATIVE_INFINITY
    const entry = { keys: [], fetchedAt: never, triedAt: never, fetching: null }
    entries.set(name, entry)
    return entry
  }

  async function refresh(entry: Entry, source: KeySource): Promise<void> {
    entry.triedAt = performance.now()
    try {
      entry.keys = importSet(await fetchSet(source))
      entry.fetchedAt = entry.triedAt
    } catch (error) {
      const { jwksUri, issuer } = source
      log.warn({ reason: reasonOf(error as Error), url: jwksUri ?? issuer }, 'a key set could not be fetched')
    } finally {
      entry.fetching = null
    }
  }

  async function loadRemote(source: KeySource, header: Record<string, unknown>) {
    const entry = entryOf(source)
    const age = () => performance.now() - entry.fetchedAt
    if (age() < freshMs && selectKey(header, entry.keys)) return entry.keys
    if (performance.now() - entry.triedAt >= minIntervalMs) entry.fetching ??= refresh(entry, source)
    await entry.fetching
    return age() < staleMs ? entry.keys : []
  }

  return {
    async load(source, header) {
      if (source.jwks === null) return loadRemote(source, header)
      const keys = stored.get(source) ?? importSet(source.jwks)
      stored.set(source, keys)
      return keys
    },
  }
}

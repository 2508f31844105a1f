import { LRUCache } from 'lru-cache'
import type { ChangeFeed } from './index.js'
import { waitUntilFresh } from './wait.js'

/** A value to cache. */
export interface CacheLoad<V> {
  value: V
  /** Rows that it was loaded from, as the change feed names them (`kind:key`); null if it must not be cached. */
  tags: readonly string[] | null
}

interface CacheEntry<V> {
  value: V
  tags: readonly string[]
}

/** Keeps values in memory until one of the rows that they were loaded from changes. */
export interface InvalidatingCache<K, V> {
  /** Returns the cached value; without one, or while the change feed stays stale, loads it. */
  get(key: K, load: () => Promise<CacheLoad<V>>): Promise<V>
  /** Returns the number of entries. */
  size(): number
}

/** Maximum age of an entry (milliseconds), for changes that no trigger announces, as when triggers are disabled by hand. */
const maxAgeMs = 60_000

/**
 * Creates a cache of at most `max` entries, of which the least recently used is evicted first.
 *
 * A change that is published during a load may be newer than what was loaded, so a value is cached only if nothing was
 * published meanwhile. A change of null, after which some may have been missed, clears the cache.
 *
 * @param noteLookUp receives whether a value was cached
 */
export function createInvalidatingCache<K extends {}, V>(
  changes: ChangeFeed,
  max: number,
  noteLookUp?: (isHit: boolean) => void,
): InvalidatingCache<K, V> {
  const keysByTag = new Map<string, Set<K>>()
  const entries = new LRUCache<K, CacheEntry<V>>({
    max,
    ttl: maxAgeMs,
    ttlResolution: maxAgeMs / 60,
    dispose({ tags }, key) {
      for (const tag of tags) removeTag(tag, key)
    },
  })
  let publishedChanges = 0

  changes.subscribe(function invalidate(tag) {
    publishedChanges += 1
    if (tag === null) entries.clear()
    else for (const key of [...(keysByTag.get(tag) ?? [])]) entries.delete(key)
  })

  function set(key: K, value: V, tags: readonly string[]): void {
    entries.set(key, { value, tags })
    for (const tag of tags) {
      const keys = keysByTag.get(tag)
      if (keys) keys.add(key)
      else keysByTag.set(tag, new Set([key]))
    }
  }

  function removeTag(tag: string, key: K): void {
    const keys = keysByTag.get(tag)
    keys?.delete(key)
    if (keys?.size === 0) keysByTag.delete(tag)
  }

  return {
    async get(key, load) {
      // On a busy machine many requests find the feed stale at once. One heartbeat for all costs less than a load for each.
      const isFresh = changes.isFresh() || (entries.has(key) && (await waitUntilFresh(changes)))
      const entry = isFresh ? entries.get(key) : undefined
      noteLookUp?.(entry !== undefined)
      if (entry) return entry.value
      const publishedBefore = publishedChanges
      const { value, tags } = await load()
      if (tags && changes.isConnected() && publishedChanges === publishedBefore) set(key, value, tags)
      return value
    },
    size: () => entries.size,
  }
}

import { LRUCache } from 'lru-cache'
import type { ChangeFeed } from './index.js'

/** What was read, and the rows that it was read from: `kind:key`, as changes of them are told. */
export interface CacheLoad<V> {
  value: V
  /** Null for what is not to be kept. */
  tags: readonly string[] | null
}

interface Kept<V> {
  value: V
  rows: readonly string[]
}

/** What was read from the database, kept in memory for as long as nothing that it was read from has changed. */
export interface InvalidatingCache<K, V> {
  /** What is kept under the key or, where nothing is or it cannot be trusted now, what is read. */
  get(key: K, read: () => Promise<CacheLoad<V>>): Promise<V>
}

/** Even if nobody told of a change, as when triggers are switched off by hand, it shows after so long (milliseconds). */
const keptMs = 60_000

/**
 * Makes a view of at most `max` entries; those that were not asked for the longest go first.
 *
 * Whatever is told while something is read could be about it: so what was read is kept only if nothing was told
 * meanwhile. When changes may have been missed, all that is kept goes.
 */
export function createInvalidatingCache<K extends {}, V>(
  changes: ChangeFeed,
  max: number,
): InvalidatingCache<K, V> {
  const keysByRow = new Map<string, Set<K>>()
  const entries = new LRUCache<K, Kept<V>>({
    max,
    ttl: keptMs,
    ttlResolution: keptMs / 60,
    dispose({ rows }, key) {
      for (const row of rows) unlink(row, key)
    },
  })
  let told = 0

  changes.subscribe(function invalidate(row) {
    told += 1
    if (row === null) entries.clear()
    else for (const key of [...(keysByRow.get(row) ?? [])]) entries.delete(key)
  })

  function keep(key: K, value: V, rows: readonly string[]): void {
    entries.set(key, { value, rows })
    for (const row of rows) {
      const keys = keysByRow.get(row)
      if (keys) keys.add(key)
      else keysByRow.set(row, new Set([key]))
    }
  }

  function unlink(row: string, key: K): void {
    const keys = keysByRow.get(row)
    keys?.delete(key)
    if (keys?.size === 0) keysByRow.delete(row)
  }

  return {
    async get(key, read) {
      const kept = changes.isFresh() ? entries.get(key) : undefined
      if (kept) return kept.value
      const toldBefore = told
      const { value, tags } = await read()
      if (tags && changes.isConnected() && told === toldBefore) keep(key, value, tags)
      return value
    },
  }
}

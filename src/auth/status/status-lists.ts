import type { FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { ChangeFeed } from '../../database/changes/index.js'
import { ServiceError, Unavailable } from '../../errors.js'
import type { KeyRing } from '../keys/ring.js'
import type { LiveList } from '../store/status-reading.js'
import { followBits, type ListBits } from './bits.js'
import { createDirectory } from './directory.js'
import { createPublisher, type PublishedList, type Publisher } from './publisher.js'
import { uriOf } from './uri.js'

/**
 * The status lists, as this replica serves them (draft-ietf-oauth-status-list). Nothing is read or built before somebody asks for it:
 *
 * 1. The change feed must be fresh: every change that was committed 100 ms before the request has then been announced.
 * 2. The directory of live lists is read again if a list was added or removed.
 * 3. The list's revocations are read that were announced since the last read.
 * 4. The list is built if that is due.
 *
 * A list is never served without a revocation that was committed more than 1 s ago: the response is an error instead.
 */
export interface StatusLists {
  /** @throws ServiceError `not_found` if the list is unknown or retired, `service_unavailable` if it may be incomplete */
  publish(id: string): Promise<PublishedList>
  /** Returns the URIs of all live lists, the oldest first. @throws ServiceError `service_unavailable` */
  listUris(): Promise<string[]>
}

/** A list in memory. */
interface LoadedList {
  bits: ListBits
  publisher: Publisher
}

/** Maximum number of lists in memory, at 128 KiB each and their tokens. Others are read again when somebody asks for them. */
const maxLoadedLists = 1_000

/** Creates the status lists of an issuer. */
export function createStatusLists(
  { changes, database, metrics }: Pick<FastifyInstance, 'changes' | 'database' | 'metrics'>,
  { issuer, keyRing }: { issuer: string; keyRing: Pick<KeyRing, 'signer'> },
): StatusLists {
  const loaded = new LRUCache<string, LoadedList>({ max: maxLoadedLists })
  metrics.loadedStatusLists.observe({}, () => loaded.size)
  const directory = createDirectory(database, function unloadRetired(ids) {
    for (const id of [...loaded.keys()]) if (!ids.has(id)) loaded.delete(id)
  })

  // After a change of null, the database may be another one, whose transaction ids continue from an earlier state.
  changes.subscribe(function followChange(change) {
    if (change === null) loaded.clear()
    if (change === null || change.startsWith('status_list:')) directory.announce()
    else if (change.startsWith('status:')) loaded.peek(change.slice('status:'.length))?.bits.announce()
  })

  function load(list: LiveList): LoadedList {
    const bits = followBits(list, database)
    const publisher = createPublisher(uriOf(issuer, list.id), bits, {
      keyRing,
      now: directory.now,
      metrics,
    })
    const entry = { bits, publisher }
    loaded.set(list.id, entry)
    return entry
  }

  async function findList(id: string): Promise<LiveList | undefined> {
    await directory.catchUp()
    return directory.find(id)
  }

  /** Finds a list that another replica has just made, whose tokens this one may be asked about already. */
  async function findNewList(id: string): Promise<LiveList | undefined> {
    await changes.sync()
    requireConnected(changes)
    return findList(id)
  }

  async function tryPublish(id: string): Promise<PublishedList | null> {
    // Taken before the wait, so that it never overstates how fresh the feed is.
    const freshAt = performance.now()
    await requireFresh(changes)
    const list = (await findList(id)) ?? (await findNewList(id))
    if (!list) throw new ServiceError('not_found')
    const { publisher } = loaded.get(id) ?? load(list)
    return publisher.publish(freshAt)
  }

  return {
    async publish(id) {
      // Loading a list can take too long. The second attempt finds it loaded.
      const published = (await tryPublish(id)) ?? (await tryPublish(id))
      if (!published) throw new Unavailable('status_list')
      return published
    },
    async listUris() {
      await requireFresh(changes)
      await directory.catchUp()
      return directory.live().map(({ id }) => uriOf(issuer, id))
    },
  }
}

/** Resolves when every change that was committed 100 ms before the call has been published. */
async function requireFresh(changes: ChangeFeed): Promise<void> {
  if (!changes.isFresh()) await changes.freshen()
  requireConnected(changes)
}

function requireConnected(changes: ChangeFeed): void {
  if (!changes.isConnected()) throw new Unavailable('status_list')
}

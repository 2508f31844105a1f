import type { QueryTarget } from '../../database/query.js'
import { type LiveList, readLiveLists } from '../store/status-reading.js'
import { createFollower, type Follower } from './follower.js'

/** The live lists in memory. */
export interface Directory extends Follower {
  /** Returns a list, or undefined if there is none of this id, or it is retired. */
  find(id: string): LiveList | undefined
  /** Returns the live lists, the oldest first. */
  live(): LiveList[]
  /**
   * Returns the time by the clock of the database, extrapolated from the last read (milliseconds since 1970). All replicas have the
   * same time, whatever their own clocks say.
   */
  now(): number
}

/** Creates the directory. `onRead` is called after each read with the ids of the lists that are live. */
export function createDirectory(
  database: QueryTarget,
  onRead: (ids: ReadonlySet<string>) => void,
): Directory {
  let lists: ReadonlyMap<string, LiveList> = new Map()
  /** Time of the database's clock minus `performance.now()` (milliseconds). */
  let clockOffsetMs = 0

  const follower = createFollower(async function readDirectory() {
    const read = await readLiveLists(database)
    clockOffsetMs = read.readAt - performance.now()
    lists = new Map(read.lists.map((list) => [list.id, list]))
    onRead(new Set(lists.keys()))
  })

  const now = () => clockOffsetMs + performance.now()
  const isLive = ({ retiresAt }: LiveList) => retiresAt > now()

  return {
    ...follower,
    find(id) {
      const list = lists.get(id)
      return list && isLive(list) ? list : undefined
    },
    live: () => [...lists.values()].filter(isLive),
    now,
  }
}

import { lowestId } from '../database/lowest-id.js'
import { type QueryTarget, queryRows } from '../database/query.js'
import { eventColumns, type StoredEvent } from './event-store.js'

// Ids and times of events are assigned before their transactions commit, so an event can become visible after one with a later
// id was read. A reader therefore remembers snapshots, not ids: an event is new if it is visible in a snapshot and was not in the
// one before. The index on `xid` finds it.
//
// A snapshot counts aborted transactions as visible, and PostgreSQL gives their ids again after a crash, as far as they were not
// yet in the write-ahead log. Those of committed transactions are there, and with them all lower ones. A reader therefore remembers
// the highest id among the events of a snapshot too: an event with a higher one was not among them, whatever the snapshot says.
//
// Transactions that record events do not notify readers: PostgreSQL commits those that do one after the other, which would
// limit the rate of logins. Readers poll.

/** Maximum number of events that one statement returns. */
const pageRows = 1_000

/** Selects the events to read: those of one action, of one subject, or all. */
export interface StreamFilter {
  /** Id to begin after, among the events that are there already. Without it only later ones are read. */
  after?: string | undefined
  action?: string | undefined
  subject?: string | undefined
}

/** Events in about the order in which they are committed, each once. One whose count has grown tenfold comes again. */
export interface EventStream {
  /** Returns the next events, or none if there are no new ones yet. After an error it can be called again. */
  next(target: QueryTarget): Promise<StoredEvent[]>
}

/** The events that a reader could see at one moment, by their transactions. */
interface Visible {
  snapshot: string
  /** Highest id of a transaction that recorded one of them. */
  lastXid: string
}

/** Position of a reader in the stream. */
interface Position {
  /** Events that have all been read; null while those are read that were there at the beginning. */
  read: Visible | null
  /** Events that are being read, in the order of their ids; null between two polls. */
  reading: Visible | null
  /** Last id that was read. */
  after: string
}

/** Creates a stream of events. */
export function createEventStream({ after, action, subject }: StreamFilter): EventStream {
  let position: Position = { read: null, reading: null, after: after ?? lowestId }
  let isBegun = after !== undefined

  async function begin(target: QueryTarget): Promise<void> {
    const [read] = await queryRows<Visible>(visibleNow, [], target)
    position = { ...position, read: read as Visible }
    isBegun = true
  }

  return {
    async next(target) {
      if (!isBegun) await begin(target)
      const { read, reading, after } = position
      const values = [
        read?.snapshot ?? null,
        read?.lastXid ?? null,
        reading?.snapshot ?? null,
        reading?.lastXid ?? null,
        after,
        action ?? null,
        subject ?? null,
      ]
      const rows = await queryRows<PageRow>(read === null ? historyPage : newPage, values, target)
      const { snapshot, lastXid } = rows[0] as PageRow
      const events = rows.filter((row): row is PageRow & StoredEvent => row.id !== null)
      const last = events.length === pageRows ? events.at(-1) : undefined
      position = last
        ? { read, reading: { snapshot, lastXid }, after: last.id }
        : { read: { snapshot, lastXid }, reading: null, after: lowestId }
      return events
    },
  }
}

/** A row of a page: an event, whose columns are null if there is none, with the events that could be seen when it was read. */
type PageRow = Visible & (StoredEvent | { id: null })

/** Restored events may have ids of another server's transactions, above those of this one. */
const highestXid = `
  coalesce((SELECT xid FROM events WHERE xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY xid DESC LIMIT 1), '0')`

const visibleNow = `SELECT pg_current_snapshot()::text AS snapshot, (${highestXid})::text AS "lastXid"`

/** Returns SQL that holds for events that a reader could not see at an earlier moment, and can now. */
function isNewSince(snapshot: string, lastXid: string): string {
  return `(
    xid >= least(pg_snapshot_xmin(${snapshot}), ${lastXid}) AND xid < pg_snapshot_xmax(pg_current_snapshot())
    AND (xid > ${lastXid} OR NOT pg_visible_in_snapshot(xid, ${snapshot}))
  )`
}

function pageOf(condition: string): string {
  return `
  SELECT current.snapshot::text AS snapshot, current.last_xid::text AS "lastXid", page.*
  FROM (
    SELECT coalesce($3::pg_snapshot, pg_current_snapshot()) AS snapshot, coalesce($4::xid8, ${highestXid}) AS last_xid
  ) AS current LEFT JOIN LATERAL (
    SELECT ${eventColumns} FROM events
    WHERE ${condition} AND NOT ${isNewSince('current.snapshot', 'current.last_xid')} AND id > $5::uuid
      AND ($6::varchar IS NULL OR action = $6) AND ($7::varchar IS NULL OR subject = $7)
    ORDER BY id LIMIT ${pageRows}
  ) AS page ON true
  ORDER BY page.id`
}

const historyPage = pageOf('$1::pg_snapshot IS NULL AND $2::xid8 IS NULL')
const newPage = pageOf(isNewSince('$1::pg_snapshot', '$2::xid8'))

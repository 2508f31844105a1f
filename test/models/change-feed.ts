import type { Action, Model } from './explorer.js'

/** Freshness window in ticks of the model's clock. */
const windowTicks = 1
/** An age beyond the window, however far. */
const old = windowTicks + 1

/** One process with its change feed and its cache of one row, which changes once: src/database/changes/. */
export interface Process {
  /** State of the feed, as in src/database/changes/feed.ts. FRESH and STALE differ by `sentAge`. */
  feed: 'CONNECTING' | 'VERIFYING' | 'CONNECTED' | 'LOST'
  /** Whether `receiveUntilLost` waits for the end of a connection. */
  isOpen: boolean
  /** Notifications on their way to the process, in the order of their commits. */
  queue: ('change' | 'heartbeat' | 'former heartbeat' | 'pool message')[]
  /** Ticks since the last heartbeat that has come back was sent. */
  sentAge: number
  /** The heartbeat under way. */
  heartbeat: { age: number; isCommitted: boolean; isAfterChange: boolean } | null
  /** Whether the server has yet to commit a heartbeat that was sent over a former connection. */
  isFormerHeartbeatDue: boolean
  /** The check of the pool that is under way. */
  poolCheck: 'none' | 'of the connection' | 'of a former connection'
  /** Whether the pool leads to another database than the connection, and whether it did so before the feed was connected. */
  pool: 'same database' | 'other database' | 'moved'
  /** Ticks since the row has changed; null before that. */
  changeAge: number | null
  /** The request to this process that changes the row; `none` if another process changes it. */
  writer: 'none' | 'sync' | 'answered'
  /** Whether a heartbeat has come back that `sync` accepts. */
  hasReturned: boolean
  /** Whether the cached row is the one before the change; null if none is cached. */
  cached: 'old' | 'new' | null
  /** A load of the row; `isOvertaken` once something was published meanwhile. */
  load: { row: 'old' | 'new' | null; isOvertaken: boolean } | null
  /**
   * A request that waits for a stale feed, with what it found when it arrived. Its wait, which ends by a heartbeat, the time
   * limit or a loss of the connection, may end at any step.
   */
  waiting: { found: 'old' | 'new'; mustSeeChange: boolean } | null
  /** Whether a request got the old row although it must not. */
  hasServedStale: boolean
  /** Whether the connection will be lost, once. What arrived late until then is never received. */
  isLossDue: boolean
}

/** Guards of the source. A variation of the model lacks one of them. */
export type FeedGuard =
  | 'memory is used only while fresh'
  | 'the feed is asked again after the wait'
  | 'the entry is looked up again after the wait'
  | 'a heartbeat counts from when it was sent'
  | 'heartbeats are numbered'
  | 'the pool is checked before memory is used'
  | 'the pool is checked again'
  | 'a new connection publishes null'
  | 'a load that was overtaken is not kept'
  | 'a change is answered after sync'
  | 'sync waits for a heartbeat that is sent after its call'
  | 'a check of a former connection loses nothing'

/** What goes wrong beside slow messages. One of them at a time keeps the model small. */
export type FeedHazard =
  | 'the connection is lost'
  | 'the pool leads elsewhere'
  /** The row does not change meanwhile. */
  | 'a check of the pool outlives its connection'

/** Whether the feed is fresh. */
export function isFresh({ feed, sentAge }: Process): boolean {
  return feed === 'CONNECTED' && sentAge <= windowTicks
}

/** Models the feed and the cache of one process. */
export function modelChangeFeed(hazard: FeedHazard, omitted?: FeedGuard): Model<Process> {
  const has = (guard: FeedGuard) => guard !== omitted
  const isPoolRechecked = hazard !== 'the connection is lost' && has('the pool is checked again')
  const isRowChanging = hazard !== 'a check of the pool outlives its connection'
  const isChanged = ({ changeAge }: Process) => changeAge !== null
  const isListening = ({ feed }: Process) => feed === 'VERIFYING' || feed === 'CONNECTED'

  function publish(state: Process): void {
    state.cached = null
    if (state.load) state.load.isOvertaken = true
  }

  /** PostgreSQL queues a notification for the sessions that listen when its transaction commits. */
  function notify(state: Process, message: Process['queue'][number]): void {
    if (isListening(state)) state.queue.push(message)
  }

  /** The connection has ended: `finally` in receiveUntilLost. */
  function lose(state: Process): void {
    state.isFormerHeartbeatDue ||= state.heartbeat !== null && !state.heartbeat.isCommitted
    if (state.poolCheck === 'of the connection') state.poolCheck = 'of a former connection'
    Object.assign(state, { feed: 'LOST', isOpen: false, queue: [], heartbeat: null })
    publish(state)
  }

  function connect(state: Process): void {
    state.feed = 'CONNECTED'
    if (has('a new connection publishes null')) publish(state)
  }

  function returnHeartbeat(state: Process): void {
    const { heartbeat } = state
    if (!heartbeat) return
    state.sentAge = has('a heartbeat counts from when it was sent') ? heartbeat.age : 0
    const isAccepted =
      heartbeat.isAfterChange || !has('sync waits for a heartbeat that is sent after its call')
    state.hasReturned ||= isChanged(state) && isAccepted
    state.heartbeat = null
  }

  function receive(state: Process): void {
    const message = state.queue.shift()
    if (message === 'change') publish(state)
    else if (message === 'pool message') connect(state)
    else if (message === 'heartbeat' || !has('heartbeats are numbered')) returnHeartbeat(state)
  }

  /** A change of the row commits: it is visible from now on. The pool of those who change it is that of this process. */
  function change(state: Process): void {
    state.changeAge = 0
    if (state.pool === 'same database') notify(state, 'change')
  }

  /** Whether a request that starts now must see the change. A pool that moves is noticed by the next check only. */
  const mustSeeChange = ({ changeAge, writer, pool }: Process) =>
    pool !== 'moved' && changeAge !== null && (writer === 'answered' || changeAge > windowTicks)

  const mayUseMemory = (state: Process) =>
    isFresh(state) || (state.feed === 'CONNECTED' && !has('memory is used only while fresh'))

  /** Returns the row that a request takes from the cache when its wait ends; null if it loads the row. */
  function rowAfterWait(state: Process): 'old' | 'new' | null {
    if (!mayUseMemory(state) && has('the feed is asked again after the wait')) return null
    const { waiting, cached } = state
    return waiting && !has('the entry is looked up again after the wait') ? waiting.found : cached
  }

  const actions: Action<Process>[] = [
    {
      name: 'a tick passes',
      isEnabled: () => true,
      run(draft) {
        draft.sentAge = Math.min(draft.sentAge + 1, old)
        if (draft.heartbeat) draft.heartbeat.age = Math.min(draft.heartbeat.age + 1, old)
        if (draft.changeAge !== null) draft.changeAge = Math.min(draft.changeAge + 1, old)
      },
    },
    {
      name: 'connect',
      isEnabled: ({ feed, isOpen }) => feed === 'LOST' && !isOpen,
      run(draft) {
        Object.assign(draft, { feed: 'CONNECTING', isOpen: true })
      },
    },
    {
      name: 'LISTEN',
      isEnabled: ({ feed }) => feed === 'CONNECTING',
      run(draft) {
        draft.feed = 'VERIFYING'
      },
    },
    {
      name: 'sendHeartbeat',
      isEnabled: (state) => isListening(state) && state.heartbeat === null,
      run(draft) {
        draft.heartbeat = { age: 0, isCommitted: false, isAfterChange: isChanged(draft) }
      },
    },
    {
      name: 'the server commits the heartbeat',
      isEnabled: ({ heartbeat }) => heartbeat?.isCommitted === false,
      run(draft) {
        if (draft.heartbeat) draft.heartbeat.isCommitted = true
        notify(draft, 'heartbeat')
      },
    },
    {
      name: 'the server commits the heartbeat of a former connection',
      isEnabled: ({ isFormerHeartbeatDue }) => isFormerHeartbeatDue,
      run(draft) {
        draft.isFormerHeartbeatDue = false
        notify(draft, 'former heartbeat')
      },
    },
    {
      name: 'verify sends a message through the pool',
      isEnabled: ({ feed, sentAge, queue }) =>
        feed === 'VERIFYING' && sentAge < old && !queue.includes('pool message'),
      run(draft) {
        if (!has('the pool is checked before memory is used')) connect(draft)
        else if (draft.pool === 'same database') notify(draft, 'pool message')
      },
    },
    {
      name: 'onNotification',
      isEnabled: ({ queue }) => queue.length > 0,
      run: receive,
    },
    {
      name: 'recheckPool',
      isEnabled: ({ feed, poolCheck }) => isPoolRechecked && feed === 'CONNECTED' && poolCheck === 'none',
      run(draft) {
        draft.poolCheck = 'of the connection'
      },
    },
    {
      name: 'the message through the pool comes back',
      isEnabled: ({ poolCheck, pool }) => poolCheck === 'of the connection' && pool === 'same database',
      run(draft) {
        draft.poolCheck = 'none'
      },
    },
    {
      name: 'the check of the pool fails',
      isEnabled: ({ poolCheck, pool }) =>
        poolCheck === 'of a former connection' ||
        (poolCheck === 'of the connection' && pool !== 'same database'),
      run(draft) {
        const isFormer = draft.poolCheck === 'of a former connection'
        draft.poolCheck = 'none'
        if (!isFormer) lose(draft)
        else if (!has('a check of a former connection loses nothing')) draft.feed = 'LOST'
      },
    },
    {
      name: 'the pool leads to another database',
      isEnabled: ({ pool }) => hazard === 'the pool leads elsewhere' && pool === 'same database',
      run(draft) {
        draft.pool = draft.feed === 'CONNECTED' ? 'moved' : 'other database'
        draft.queue = draft.queue.filter((message) => message !== 'pool message')
      },
    },
    {
      name: 'the connection is lost',
      isEnabled: ({ isOpen, isLossDue }) => isOpen && isLossDue,
      run(draft) {
        draft.isLossDue = false
        lose(draft)
      },
    },
    {
      name: 'another process changes the row',
      isEnabled: (state) => isRowChanging && !isChanged(state),
      run: change,
    },
    {
      name: 'a request changes the row',
      isEnabled: (state) => isRowChanging && !isChanged(state),
      run(draft) {
        change(draft)
        draft.writer = has('a change is answered after sync') ? 'sync' : 'answered'
      },
    },
    {
      name: 'sync resolves, and the change is answered',
      isEnabled: ({ writer, feed, hasReturned }) =>
        writer === 'sync' && (feed !== 'CONNECTED' || hasReturned),
      run(draft) {
        draft.writer = 'answered'
      },
    },
    {
      name: 'a request gets the row from the cache',
      isEnabled: (state) => state.cached !== null && mayUseMemory(state),
      run(draft) {
        draft.hasServedStale = draft.cached === 'old' && mustSeeChange(draft)
      },
    },
    {
      name: 'a request starts a load',
      isEnabled: (state) => state.load === null && state.cached === null,
      run(draft) {
        draft.load = { row: null, isOvertaken: false }
      },
    },
    {
      name: 'a request waits until the feed is fresh',
      isEnabled: (state) => state.waiting === null && state.cached !== null && !mayUseMemory(state),
      run(draft) {
        if (draft.cached) draft.waiting = { found: draft.cached, mustSeeChange: mustSeeChange(draft) }
      },
    },
    {
      name: 'the request that waited gets the row from the cache',
      isEnabled: (state) => state.waiting !== null && rowAfterWait(state) !== null,
      run(draft) {
        draft.hasServedStale = rowAfterWait(draft) === 'old' && draft.waiting?.mustSeeChange === true
        draft.waiting = null
      },
    },
    {
      name: 'the request that waited starts a load',
      isEnabled: (state) => state.waiting !== null && state.load === null && rowAfterWait(state) === null,
      run(draft) {
        draft.waiting = null
        draft.load = { row: null, isOvertaken: false }
      },
    },
    {
      name: 'the load reads the row',
      isEnabled: ({ load }) => load?.row === null,
      run(draft) {
        if (draft.load) draft.load.row = isChanged(draft) ? 'new' : 'old'
      },
    },
    {
      name: 'the load ends',
      isEnabled: ({ load }) => load !== null && load.row !== null,
      run(draft) {
        const isKept = !draft.load?.isOvertaken || !has('a load that was overtaken is not kept')
        if (draft.load && draft.feed === 'CONNECTED' && isKept) draft.cached = draft.load.row
        draft.load = null
      },
    },
  ]

  return {
    initial: {
      feed: 'LOST',
      isOpen: false,
      queue: [],
      sentAge: old,
      heartbeat: null,
      isFormerHeartbeatDue: false,
      poolCheck: 'none',
      pool: 'same database',
      changeAge: null,
      writer: 'none',
      hasReturned: false,
      cached: null,
      load: null,
      waiting: null,
      hasServedStale: false,
      isLossDue: hazard !== 'the pool leads elsewhere',
    },
    actions,
    invariants: {
      'a request sees each change that was answered here, or committed longer ago than the window': ({
        hasServedStale,
      }) => !hasServedStale,
    },
    goals: {
      'memory is used again unless the pool leads elsewhere': ({ feed, pool }) =>
        feed === 'CONNECTED' || pool !== 'same database',
      'memory is not used while the pool leads elsewhere': ({ feed, pool }) =>
        feed !== 'CONNECTED' || pool === 'same database',
    },
  }
}

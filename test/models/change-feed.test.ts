import t from 'tap'
import { type FeedGuard, type FeedHazard, modelChangeFeed } from './change-feed.js'
import { explore, hasInOrder } from './explorer.js'

const hazards: FeedHazard[] = [
  'the connection is lost',
  'the pool leads elsewhere',
  'a check of the pool outlives its connection',
]

for (const hazard of hazards)
  t.test(`no interleaving of changes, messages and loads shows an old row when ${hazard}`, async (t) => {
    const { states, violated, trace } = explore(modelChangeFeed(hazard), 150_000)
    t.equal(violated, null, trace.join('\n'))
    t.comment(`${states} states`)
  })

const staleness = 'a request sees each change that was answered here, or committed longer ago than the window'
const fromCache = 'a request gets the row from the cache'
const waits = 'a request waits until the feed is fresh'
const fromCacheAfterWait = 'the request that waited gets the row from the cache'

/** Faults: a guard that is missing, the promise that is broken then, and steps that lead to it. */
const faults: [FeedGuard, FeedHazard, violated: string, steps: string[]][] = [
  [
    'memory is used only while fresh',
    'the connection is lost',
    staleness,
    ['another process changes the row', 'a tick passes', 'a tick passes', 'the load ends', fromCache],
  ],
  [
    'the feed is asked again after the wait',
    'the connection is lost',
    staleness,
    ['another process changes the row', 'the load ends', waits, fromCacheAfterWait],
  ],
  [
    'the entry is looked up again after the wait',
    'the connection is lost',
    staleness,
    ['another process changes the row', 'the load ends', waits, 'onNotification', fromCacheAfterWait],
  ],
  [
    'a heartbeat counts from when it was sent',
    'the connection is lost',
    staleness,
    [
      'the server commits the heartbeat',
      'another process changes the row',
      'a tick passes',
      'onNotification',
      fromCache,
    ],
  ],
  [
    'heartbeats are numbered',
    'the connection is lost',
    staleness,
    [
      'sendHeartbeat',
      'the connection is lost',
      'the server commits the heartbeat of a former connection',
      'sendHeartbeat',
      'onNotification',
      fromCache,
    ],
  ],
  [
    'the pool is checked before memory is used',
    'the pool leads elsewhere',
    staleness,
    ['the pool leads to another database', 'verify sends a message through the pool', fromCache],
  ],
  [
    'the pool is checked again',
    'the pool leads elsewhere',
    'memory is not used while the pool leads elsewhere',
    ['verify sends a message through the pool', 'the pool leads to another database'],
  ],
  [
    'a new connection publishes null',
    'the connection is lost',
    staleness,
    ['a request starts a load', 'the load reads the row', 'onNotification', 'the load ends', fromCache],
  ],
  [
    'a load that was overtaken is not kept',
    'the connection is lost',
    staleness,
    ['the load reads the row', 'onNotification', 'the load ends', fromCache],
  ],
  [
    'a change is answered after sync',
    'the connection is lost',
    staleness,
    ['the load reads the row', 'a request changes the row', 'the load ends', fromCache],
  ],
  [
    'sync waits for a heartbeat that is sent after its call',
    'the connection is lost',
    staleness,
    ['sendHeartbeat', 'a request changes the row', 'sync resolves, and the change is answered', fromCache],
  ],
  [
    'a check of a former connection loses nothing',
    'a check of the pool outlives its connection',
    'memory is used again unless the pool leads elsewhere',
    ['recheckPool', 'the connection is lost', 'connect', 'the check of the pool fails'],
  ],
]

for (const [guard, hazard, violated, steps] of faults)
  t.test(`a fault is found without the guard: ${guard}`, async (t) => {
    const found = explore(modelChangeFeed(hazard, guard), 150_000)
    t.equal(found.violated, violated)
    t.ok(hasInOrder(found.trace, steps), found.trace.join('\n'))
  })

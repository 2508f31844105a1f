import type { Test } from 'tap'
import { query } from '../database/query.js'
import type { Exchange, Purpose } from './requests.js'
import type { Traffic } from './traffic.js'
import { repeatRefused, type Writer } from './writers.js'

/** What a fault may cost. */
export interface Cost {
  /** Longest time in which no item was added (seconds). */
  pauseSeconds: number
  /** Longest time that a response took (seconds). */
  responseSeconds: number
}

/** How many times as much a fault may cost on a machine that other work keeps busy. */
const tolerance = 3

/** Statuses of success, by the purpose of the request. All may get 503 too. */
const successes: Record<Purpose, number> = {
  write: 201,
  read: 200,
  'log in': 200,
  revoke: 200,
  'use a revoked token': 401,
}

/**
 * Stops the traffic, and checks that nothing was lost or answered otherwise than promised, and what the fault has cost.
 *
 * @returns number of items that were stored although their addition was refused
 */
export async function checkOutcome(t: Test, url: string, traffic: Traffic, cost: Cost): Promise<number> {
  const { client, writers } = traffic
  await traffic.stop()
  const exchanges = [...client.exchanges]
  const unexpected = exchanges.filter((exchange) => !isExpected(exchange))
  t.same(unexpected.map(describe), [], 'each response is one that is promised')

  const refused = writers.reduce((sum, writer) => sum + writer.refused.length, 0)
  const stored: unknown[] = []
  for (const writer of writers) stored.push(...(await repeatRefused(writer, client)))
  t.same(
    stored.filter((code) => code !== 'outcome_unknown'),
    [],
    'nothing is stored of which the response says that nothing was changed',
  )
  t.same(
    await findMiscounted(url, writers),
    [],
    'what was confirmed, at first or when repeated, is there once',
  )

  const pause = longestPause(exchanges) / 1_000
  const slowest = Math.max(...exchanges.map(({ ms }) => ms)) / 1_000
  t.ok(pause < tolerance * cost.pauseSeconds, `items are added again after ${pause.toFixed(1)} s`)
  t.ok(slowest < tolerance * cost.responseSeconds, `no response takes more than ${slowest.toFixed(1)} s`)
  const confirmed = writers.reduce((sum, writer) => sum + writer.confirmed.length, 0)
  t.comment(
    `notice: ${t.name}: no item added for ${pause.toFixed(1)} s, slowest response ${slowest.toFixed(1)} s, ` +
      `${confirmed} items added, ${refused} at first refused, of which ${stored.length} were stored`,
  )
  return stored.length
}

/** Returns whether a response is the success that its request asks for, or tells the client to repeat it. */
function isExpected({ purpose, status, headers }: Exchange): boolean {
  return status === successes[purpose] || (status === 503 && /^\d+$/.test(String(headers.get('retry-after'))))
}

function describe({ purpose, status, body }: Exchange): string {
  return `${purpose}: ${status} ${JSON.stringify(body)}`
}

/** Returns the longest time between two additions of items (milliseconds). */
function longestPause(exchanges: Exchange[]): number {
  const added = exchanges.filter(
    ({ purpose, status }) => purpose === 'write' && status === successes[purpose],
  )
  const times = added.map(({ beganAt, ms }) => beganAt + ms)
  return Math.max(...times.slice(1).map((time, index) => time - Number(times[index])))
}

/** Returns the items that should be in the database once and are not there, or more than once. */
async function findMiscounted(url: string, writers: Writer[]): Promise<string[]> {
  const miscounted: string[] = []
  for (const { owner, confirmed } of writers) {
    const found = await query<{ title: string; times: number }>(
      url,
      `SELECT title, count(*)::int AS times FROM items JOIN users ON users.id = owner_id
       WHERE username = $1 GROUP BY title`,
      [owner.username],
    )
    const counts = new Map(found.map(({ title, times }) => [title, times]))
    for (const title of new Set([...confirmed, ...counts.keys()]))
      if (counts.get(title) !== 1) miscounted.push(`${title}: ${counts.get(title) ?? 0}`)
  }
  return miscounted
}

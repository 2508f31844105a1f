import { createHmac } from 'node:crypto'
import type { Database } from '../database/index.js'
import { queryRows } from '../database/statement.js'
import { networkOf } from './network.js'

/** How many wrong passwords are free before each further one has to wait, by what they have in common. */
export interface Budgets {
  /** From one network for one account. */
  perPair: number
  /** From one network. */
  perNetwork: number
  /** For one account, from all networks that it was never logged in from. */
  perAccount: number
}

/** What a guess is charged to. Nothing in it tells the name or the address. */
export interface Ledger {
  pair: Buffer
  network: Buffer
  account: Buffer
  /** By which a network is known that the account was logged in from. */
  known: Buffer
}

/** What became of a charge. */
export interface Verdict {
  /** Seconds to wait before the next guess from this network, or 0. */
  retryAfter: number
  /** Whether too many wrong passwords came for the account from everywhere: no guess from a new network counts. */
  isHopeless: boolean
}

/** After the last wrong password so much time forgets them all (seconds). */
const forgottenAfter = 3_600
/** The first wait; each further wrong password doubles it, up to the longest (seconds). */
const [firstWait, longestWait] = [1, 900]
/** A network stays known for so long after the last log-in (seconds). */
const knownFor = 90 * 86_400

/** What guesses at one account from one address are charged to. */
export function ledgerOf(username: string, address: string, key: Buffer): Ledger {
  const network = networkOf(address)
  const digest = (kind: string, ...parts: string[]) =>
    createHmac('sha256', key)
      .update(JSON.stringify([kind, ...parts]))
      .digest()
  return {
    pair: digest('guesses of pair', username, network),
    network: digest('guesses of network', network),
    account: digest('guesses of account', username),
    known: digest('known network', username, network),
  }
}

/** Seconds that the network of a guess has to wait now, or 0. */
export async function findWait({ pair, network }: Ledger, database: Database): Promise<number> {
  const [found] = await queryRows<{ wait: number | null }>(wait, [pair, network], database)
  return found?.wait ?? 0
}

const wait = `
  SELECT ceil(extract(epoch FROM max(blocked_until) - now()))::int AS wait
  FROM guess_counts WHERE key IN ($1, $2) AND blocked_until > now()`

/**
 * Charges a guess before it is made, so that any number at once cannot exceed the budgets: one statement decides. A
 * guess that has to wait is charged to nobody.
 */
export async function chargeGuess(
  { pair, network, account, known }: Ledger,
  { perPair, perNetwork, perAccount }: Budgets,
  database: Database,
): Promise<Verdict> {
  const rows = await queryRows<{ gate: boolean; wait: number | null; charged: boolean }>(
    charge,
    [pair, network, account, known, perPair, perNetwork, perAccount],
    database,
  )
  const refused = rows.filter(({ charged }) => !charged)
  const waits = refused.filter(({ gate }) => gate).map(({ wait }) => wait ?? firstWait)
  return { retryAfter: Math.max(0, ...waits), isHopeless: refused.some(({ gate }) => !gate) }
}

const charge = `
  WITH given AS (
    SELECT key, budget, gate FROM (VALUES
      ($1::bytea, $5::int, true), ($2::bytea, $6::int, true), ($3::bytea, $7::int, false)
    ) AS given (key, budget, gate)
    WHERE gate OR NOT EXISTS (SELECT FROM known_networks WHERE digest = $4 AND expires_at > now())
  ), blocked AS (
    SELECT key, gate, ceil(extract(epoch FROM blocked_until - now()))::int AS wait
    FROM guess_counts JOIN given USING (key) WHERE blocked_until > now()
  ), charged AS (
    INSERT INTO guess_counts AS counted (key, budget, failures, blocked_until, expires_at)
    SELECT key, given.budget, 1, to_timestamp(0), now() + make_interval(secs => ${forgottenAfter})
    FROM given WHERE NOT EXISTS (SELECT FROM blocked WHERE gate) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
      budget = excluded.budget,
      failures = CASE WHEN counted.expires_at < now() THEN 1 ELSE counted.failures + 1 END,
      blocked_until = CASE
        WHEN counted.expires_at < now() OR counted.failures < excluded.budget THEN to_timestamp(0)
        ELSE clock_timestamp() + make_interval(secs => least(
          ${longestWait}, ${firstWait} * power(2, least(counted.failures - excluded.budget, 20))
        ))
      END,
      expires_at = excluded.expires_at
    WHERE counted.blocked_until <= clock_timestamp()
    RETURNING key
  )
  SELECT given.gate, wait, EXISTS (SELECT FROM charged WHERE charged.key = given.key) AS charged
  FROM given LEFT JOIN blocked USING (key)`

/**
 * Takes the charge of a right password back, forgets all charges of the pair, and remembers the network. Each statement
 * locks one row and is done: none can meet a charge half-way. They wait for the disk together.
 */
export async function rewardGuess(
  { pair, network, account, known }: Ledger,
  database: Database,
): Promise<void> {
  await Promise.all([
    queryRows(knowledge, [known], database),
    queryRows(forgiveness, [pair], database),
    ...[network, account].map((key) => queryRows(refund, [key], database)),
  ])
}

/** To the day: a network that is in use is not written down at each log-in. */
const knowledge = `
  INSERT INTO known_networks AS known (digest, expires_at)
  VALUES ($1, now() + make_interval(secs => ${knownFor}))
  ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at
  WHERE known.expires_at < excluded.expires_at - interval '1 day'`

const forgiveness = 'UPDATE guess_counts SET failures = 0, blocked_until = to_timestamp(0) WHERE key = $1'

const refund = `
  UPDATE guess_counts SET failures = failures - 1,
    blocked_until = CASE WHEN failures - 1 <= budget THEN to_timestamp(0) ELSE blocked_until END
  WHERE key = $1 AND failures > 0`

import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { keyedDigest } from './keyed-digest.js'
import { type Network, networksOf } from './network.js'

/** Numbers of wrong passwords after which the next attempt has to wait. */
export interface Budgets {
  /** For one account from one network. */
  perPair: number
  /** From one network. */
  perNetwork: number
  /** For one account from all networks that its user has not logged in from. */
  perAccount: number
}

/** A counter of wrong passwords and its budget. */
interface Counter {
  /** Keyed digest of what is counted. */
  key: Buffer
  budget: number
}

/** Counters that an attempt is charged to. The digests reveal neither the username nor the address. */
export interface RateLimitKeys {
  /** The account from the smallest network of the caller. */
  pair: Counter
  /** The account from the larger networks, and each of the networks alone. */
  wider: Counter[]
  account: Counter
  /** Digest of the account and the smallest network, stored once the user has logged in from there. */
  known: Buffer
}

/** Outcome of `consumeAttempt`. */
export interface Verdict {
  /** Seconds to wait before the next attempt from this network, or 0. */
  retryAfter: number
  /** Whether the account has too many wrong passwords from everywhere, so that attempts from new networks fail. */
  isLockedOut: boolean
}

/** Time after the last wrong password in which a counter expires (seconds). */
const counterTtl = 3_600
/** Wait after the first wrong password beyond the budget (seconds). Each further one doubles it. */
const minWait = 1
/** Maximum wait (seconds). */
const maxWait = 900
/** Time after the last login for which a network stays known (seconds). */
const knownNetworkTtl = 90 * 86_400

/**
 * Returns the counters for attempts at one account from one address. Each network that the address belongs to has its own,
 * a larger network with a larger budget.
 *
 * @param address in its canonical spelling, or null when the peer has none
 */
export function rateLimitKeys(
  username: string,
  address: string | null,
  macKey: Buffer,
  { perPair, perNetwork, perAccount }: Budgets,
): RateLimitKeys {
  // The kinds of the digests are stored with every counter. Another wording would reset them all.
  const [smallest, ...larger] = networksOf(address)
  const pairOf = ({ prefix, weight }: Network) => ({
    key: keyedDigest(macKey, 'guesses of pair', username, prefix),
    budget: perPair * weight,
  })
  const networkOf = ({ prefix, weight }: Network) => ({
    key: keyedDigest(macKey, 'guesses of network', prefix),
    budget: perNetwork * weight,
  })
  return {
    pair: pairOf(smallest),
    wider: [...larger.map(pairOf), ...[smallest, ...larger].map(networkOf)],
    account: { key: keyedDigest(macKey, 'guesses of account', username), budget: perAccount },
    known: keyedDigest(macKey, 'known network', username, smallest.prefix),
  }
}

/** Returns the seconds that the caller's networks have to wait now, or 0. */
export async function findRetryAfter({ pair, wider }: RateLimitKeys, database: Database): Promise<number> {
  const keys = [pair, ...wider].map(({ key }) => key)
  const [found] = await queryRows<{ wait: number | null }>(wait, [keys], database)
  return found?.wait ?? 0
}

const wait = `
  SELECT ceil(extract(epoch FROM max(blocked_until) - now()))::int AS wait
  FROM guess_counts WHERE key = ANY ((SELECT $1::bytea[])::bytea[]) AND blocked_until > now()`

/**
 * Charges an attempt before the password is checked, in one statement, so that concurrent attempts cannot exceed the budgets.
 * An attempt that has to wait is not charged.
 */
export async function consumeAttempt(
  { pair, wider, account, known }: RateLimitKeys,
  database: Database,
): Promise<Verdict> {
  const counters = [pair, ...wider, account]
  const rows = await queryRows<{ ofNetwork: boolean; wait: number | null; charged: boolean }>(
    charge,
    [counters.map(({ key }) => key), counters.map(({ budget }) => budget), account.key, known],
    database,
  )
  const refused = rows.filter(({ charged }) => !charged)
  const waits = refused.filter(({ ofNetwork }) => ofNetwork).map(({ wait }) => wait ?? minWait)
  return { retryAfter: Math.max(0, ...waits), isLockedOut: refused.some(({ ofNetwork }) => !ofNetwork) }
}

const charge = `
  WITH given AS (
    SELECT key, budget, key <> $3 AS of_network
    FROM unnest((SELECT $1::bytea[]), (SELECT $2::int[])) AS given (key, budget)
    WHERE key <> $3 OR NOT EXISTS (SELECT FROM known_networks WHERE digest = $4 AND expires_at > now())
  ), blocked AS (
    SELECT key, of_network, ceil(extract(epoch FROM blocked_until - now()))::int AS wait
    FROM guess_counts JOIN given USING (key) WHERE blocked_until > now()
  ), charged AS (
    INSERT INTO guess_counts AS counted (key, budget, failures, blocked_until, expires_at)
    SELECT key, given.budget, 1, to_timestamp(0), now() + make_interval(secs => ${counterTtl})
    FROM given WHERE NOT EXISTS (SELECT FROM blocked WHERE of_network) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
      budget = excluded.budget,
      failures = CASE WHEN counted.expires_at < now() THEN 1 ELSE counted.failures + 1 END,
      blocked_until = CASE
        WHEN counted.expires_at < now() OR counted.failures < excluded.budget THEN to_timestamp(0)
        ELSE clock_timestamp() + make_interval(secs => least(
          ${maxWait}, ${minWait} * power(2, least(counted.failures - excluded.budget, 20))
        ))
      END,
      expires_at = excluded.expires_at
    WHERE counted.blocked_until <= clock_timestamp()
    RETURNING key
  )
  SELECT given.of_network AS "ofNetwork", wait, EXISTS (SELECT FROM charged WHERE charged.key = given.key) AS charged
  FROM given LEFT JOIN blocked USING (key)`

/**
 * Refunds the charges of a correct password, resets the counter of the pair and records the network as known. The statements
 * run at once, so that they share the wait for the disk. Rows are locked in the order of their keys, as by a charge, to avoid
 * deadlocks.
 */
export async function recordSuccess(
  { pair, wider, account, known }: RateLimitKeys,
  database: Database,
): Promise<void> {
  const others = [...wider, account].map(({ key }) => key)
  await Promise.all([
    queryRows(knownNetwork, [known], database),
    queryRows(reset, [pair.key], database),
    queryRows(refund, [others], database),
  ])
}

/** With a precision of a day, so that not every login writes. */
const knownNetwork = `
  INSERT INTO known_networks AS known (digest, expires_at)
  VALUES ($1, now() + make_interval(secs => ${knownNetworkTtl}))
  ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at
  WHERE known.expires_at < excluded.expires_at - interval '1 day'`

const reset = 'UPDATE guess_counts SET failures = 0, blocked_until = to_timestamp(0) WHERE key = $1'

const refund = `
  WITH locked AS (
    SELECT key FROM guess_counts WHERE key = ANY ((SELECT $1::bytea[])::bytea[]) AND failures > 0
    ORDER BY key FOR UPDATE
  )
  UPDATE guess_counts SET failures = failures - 1,
    blocked_until = CASE WHEN failures - 1 <= budget THEN to_timestamp(0) ELSE blocked_until END
  FROM locked WHERE guess_counts.key = locked.key`

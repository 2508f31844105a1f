import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { keyedDigest } from './keyed-digest.js'
import { type Network, networksOf } from './network.js'

/** How many wrong passwords are free before each further one has to wait, by what they have in common. */
export interface Budgets {
  /** From one network for one account. */
  perPair: number
  /** From one network. */
  perNetwork: number
  /** For one account, from all networks that it was never logged in from. */
  perAccount: number
}

/** A count of wrong passwords, known by a keyed digest, and how many of them are free. */
interface Count {
  key: Buffer
  budget: number
}

/** What a guess is charged to. Nothing in it tells the name or the address. */
export interface RateLimitKeys {
  /** The account from the smallest network that the guess comes from. */
  pair: Count
  /** The larger networks with the same account, and all of its networks with any account. */
  wider: Count[]
  account: Count
  /** By which a network is known that the account was logged in from. */
  known: Buffer
}

/** What became of a charge. */
export interface Verdict {
  /** Seconds to wait before the next guess from this network, or 0. */
  retryAfter: number
  /** Whether too many wrong passwords came for the account from everywhere: no guess from a new network counts. */
  isLockedOut: boolean
}

/** After the last wrong password so much time forgets them all (seconds). */
const forgottenAfter = 3_600
/** The first wait; each further wrong password doubles it, up to the longest (seconds). */
const [firstWait, longestWait] = [1, 900]
/** A network stays known for so long after the last log-in (seconds). */
const knownFor = 90 * 86_400

/**
 * Returns what guesses at one account from one address are charged to: each network that the address belongs to counts,
 * a larger one with a larger budget.
 *
 * @param address in its canonical spelling, or null where the peer has none
 */
export function rateLimitKeys(
  username: string,
  address: string | null,
  macKey: Buffer,
  { perPair, perNetwork, perAccount }: Budgets,
): RateLimitKeys {
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

/** Seconds that the networks of a guess have to wait now, or 0. */
export async function findRetryAfter({ pair, wider }: RateLimitKeys, database: Database): Promise<number> {
  const keys = [pair, ...wider].map((count) => count.key)
  const [found] = await queryRows<{ wait: number | null }>(wait, [keys], database)
  return found?.wait ?? 0
}

const wait = `
  SELECT ceil(extract(epoch FROM max(blocked_until) - now()))::int AS wait
  FROM guess_counts WHERE key = ANY ((SELECT $1::bytea[])::bytea[]) AND blocked_until > now()`

/**
 * Charges a guess before it is made, so that any number at once cannot exceed the budgets: one statement decides. A
 * guess that has to wait is charged to nobody.
 */
export async function consumeAttempt(
  { pair, wider, account, known }: RateLimitKeys,
  database: Database,
): Promise<Verdict> {
  const counts = [pair, ...wider, account]
  const rows = await queryRows<{ gate: boolean; wait: number | null; charged: boolean }>(
    charge,
    [counts.map(({ key }) => key), counts.map(({ budget }) => budget), account.key, known],
    database,
  )
  const refused = rows.filter(({ charged }) => !charged)
  const waits = refused.filter(({ gate }) => gate).map(({ wait }) => wait ?? firstWait)
  return { retryAfter: Math.max(0, ...waits), isLockedOut: refused.some(({ gate }) => !gate) }
}

const charge = `
  WITH given AS (
    SELECT key, budget, key <> $3 AS gate
    FROM unnest((SELECT $1::bytea[]), (SELECT $2::int[])) AS given (key, budget)
    WHERE key <> $3 OR NOT EXISTS (SELECT FROM known_networks WHERE digest = $4 AND expires_at > now())
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
 * Takes the charges of a right password back, forgets all charges of the pair, and remembers the network. The statements
 * wait for the disk together; one that locks several rows locks them in the order in which a charge does.
 */
export async function recordSuccess(
  { pair, wider, account, known }: RateLimitKeys,
  database: Database,
): Promise<void> {
  const others = [...wider, account].map(({ key }) => key)
  await Promise.all([
    queryRows(knowledge, [known], database),
    queryRows(forgiveness, [pair.key], database),
    queryRows(refund, [others], database),
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
  WITH locked AS (
    SELECT key FROM guess_counts WHERE key = ANY ((SELECT $1::bytea[])::bytea[]) AND failures > 0
    ORDER BY key FOR UPDATE
  )
  UPDATE guess_counts SET failures = failures - 1,
    blocked_until = CASE WHEN failures - 1 <= budget THEN to_timestamp(0) ELSE blocked_until END
  FROM locked WHERE guess_counts.key = locked.key`

import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { bcryptWork, maxCost } from './schemes/bcrypt.js'
import type { Work } from './schemes/scheme.js'
import { secondsOf } from './verify.js'

/** Maximum number of kinds of imported hashes that are considered, as every login does the work of all of them. */
const maxKinds = 8
/** Maximum time of all work that every login does (seconds on a current processor). */
export const maxSeconds = 2

/** The most work of each kind that any stored hash takes. */
export interface StoredWork {
  /** Work that every login does. It begins with that of new hashes. */
  shared: Work[]
  /** Work that is too much for every login. Only the logins of users with such hashes do it, which take longer. */
  excess: Work[]
}

/**
 * Returns the most work of each kind that any stored hash takes, read from indexes. Work is excess only if more was imported
 * than `findWorkProblem` permits, by several imports at once or with a lower cost of new hashes.
 *
 * @param cost of new hashes
 */
export async function findStoredWork(cost: number, database: Database): Promise<StoredWork> {
  const found = await queryRows<Work>(storedWork, [], database)
  const imported = found.filter((work) => !isAffordableBcrypt(work)).sort(byTime)
  const stored: StoredWork = {
    shared: found.filter(isAffordableBcrypt).reduce(addWork, [bcryptWork(cost)]),
    excess: [],
  }
  for (const work of imported) {
    const shared = addWork(stored.shared, work)
    if (secondsOf(shared) <= maxSeconds) stored.shared = shared
    else stored.excess.push(work)
  }
  return stored
}

/** Returns whether every login does this work in any case, as hashes of new passwords may take it too. */
function isAffordableBcrypt({ kind, units }: Work): boolean {
  return kind === bcryptWork(maxCost).kind && units <= bcryptWork(maxCost).units
}

function byTime(one: Work, other: Work): number {
  return secondsOf([one]) - secondsOf([other])
}

/** Returns the most work of each kind, given another work; the same array if it has as much of that kind already. */
export function addWork(amounts: Work[], work: Work): Work[] {
  const known = amounts.find(({ kind }) => kind === work.kind)
  if (known && known.units >= work.units) return amounts
  return [...amounts.filter((one) => one !== known), work]
}

/** Returns why every login cannot do this work, which begins with that of new hashes; or undefined. */
export function findWorkProblem(work: readonly Work[]): string | undefined {
  if (work.length > maxKinds + 1)
    return `hashes with more than ${maxKinds} combinations of algorithm and parameters cannot be imported: let the users of others log in first`
  if (secondsOf(work) > maxSeconds)
    return `hashed_password would make every login take more than ${maxSeconds} seconds, as a login does the work of all kinds of hashes: let the users of others log in first`
  return undefined
}

/** Returns names of users who cannot log in, as their bcrypt hash costs too much to verify. */
export async function findUnaffordable(limit: number, database: Database): Promise<string[]> {
  const text = `SELECT username FROM users WHERE ${hashCost} > ${maxCost} ORDER BY username LIMIT $1`
  const found = await queryRows<{ username: string }>(text, [limit], database)
  return found.map(({ username }) => username)
}

/** The expression of the index `users_hash_cost_idx`: the two digits after the version of a bcrypt hash. */
const hashCost = 'substr(hashed_password, 5, 2)::smallint'

/** Reads one entry of an index for bcrypt hashes, and one for each kind of work of imported hashes. */
const storedWork = `
  WITH RECURSIVE imported AS (
    (SELECT work_kind, work_units FROM imported_hashes ORDER BY work_kind DESC, work_units DESC LIMIT 1)
    UNION ALL
    SELECT other.* FROM imported, LATERAL (
      SELECT work_kind, work_units FROM imported_hashes WHERE work_kind < imported.work_kind
      ORDER BY work_kind DESC, work_units DESC LIMIT 1
    ) AS other
  )
  SELECT 'bcrypt' AS kind, 1 << coalesce(max(${hashCost}), 0) AS units FROM users WHERE ${hashCost} <= ${maxCost}
  UNION ALL
  (SELECT work_kind, work_units FROM imported LIMIT ${maxKinds})`

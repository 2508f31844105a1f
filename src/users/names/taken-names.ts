import type { Database, Transaction } from '../../database/client.js'
import { lowestId } from '../../database/lowest-id.js'
import { type QueryTarget, queryRows, within } from '../../database/query.js'
import {
  claimDigests,
  digestsOf,
  macKeyId,
  type NameDigest,
  type NamedUser,
  nameClaim,
} from './name-digests.js'

/** Advisory lock that a process holds while it claims the usernames of existing users. */
const claimLock = 0x1a7c4e05
/** Number of users whose usernames one transaction claims. */
const batchRows = 500

/**
 * Claims a username for a user permanently: it stays taken when the user is deleted. Without a MAC key it is compared
 * by its spelling only, and claimed later by the service, which has the key.
 *
 * @returns whether the username and all that look like it were free
 */
export async function claimUsername(
  userId: string,
  username: string,
  macKey: Buffer | null,
  transaction: Transaction,
): Promise<boolean> {
  const keys = macKey ? digestsOf(username, macKey) : []
  const digests = keys.map(({ digest }) => Buffer.from(digest, 'hex'))
  const areShared = keys.map(({ shared }) => shared)
  const id = macKey ? macKeyId(macKey) : ''
  const [outcome] = await transaction.$queryRaw<{ free: boolean }[]>`
    SELECT claim_username(${userId}::uuid, ${username}, ${id}, ${digests}::bytea[], ${areShared}::boolean[]) AS free`
  return outcome?.free === true
}

/**
 * Claims the usernames of existing users in the order of their registration: those that were never claimed, and those
 * that were claimed with another MAC key or by earlier rules.
 *
 * @param claims `missing` leaves out the latter
 * @returns the usernames that look like one that was taken earlier; their users keep them
 */
export async function claimUsernames(
  database: Database,
  macKey: Buffer,
  claims: 'missing' | 'outdated' = 'outdated',
): Promise<string[]> {
  const alike: string[] = []
  const claim = nameClaim(macKey)
  const find = (after: string, limit: number, target: QueryTarget, lock = '') =>
    queryRows<NamedUser>(
      `${unclaimed} ${lock}`,
      [after, claims === 'outdated', claim, claim + alikeSuffix, limit],
      target,
    )
  let last: string | undefined = lowestId
  // Most runs find no user, and need no transaction to see that.
  while (last !== undefined && (await find(last, 1, database)).length > 0) {
    const after: string = last
    last = await database.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${claimLock})`
      // The lock keeps users from being deleted before their usernames are claimed.
      const users = await find(after, batchRows, within(transaction), 'FOR NO KEY UPDATE')
      if (users.length > 0) alike.push(...(await claimBatch(users, macKey, transaction)))
      return users.at(-1)?.id
    })
  }
  return alike
}

const unclaimed = `
  SELECT id, username FROM users
  WHERE id > $1::uuid AND (name_claim IS NULL OR ($2::boolean AND name_claim NOT IN ($3, $4)))
  ORDER BY id LIMIT $5::int`

/**
 * Claims those keys of each username that are free; of two usernames that look alike, the first gets the keys they have
 * in common. Returns the usernames some of whose keys were taken.
 */
async function claimBatch(users: NamedUser[], macKey: Buffer, transaction: Transaction): Promise<string[]> {
  const wanted = new Map<string, NameDigest & { userId: string | null }>()
  const claimants = users.map((user) => ({
    ...user,
    digests: digestsOf(user.username, macKey),
    isAlike: false,
  }))
  for (const user of claimants)
    for (const key of user.digests) {
      const earlier = wanted.get(key.digest)
      if (earlier === undefined) wanted.set(key.digest, { ...key, userId: key.shared ? null : user.id })
      else if (!earlier.shared || !key.shared) user.isAlike = true
    }
  const claimed = await claimDigests([...wanted.values()], users, macKey, transaction)
  for (const user of claimants)
    if (user.digests.some(({ digest }) => !claimed.has(digest))) user.isAlike = true

  const alike = claimants.filter(({ isAlike }) => isAlike)
  await markClaimed(users, nameClaim(macKey), transaction)
  await markClaimed(alike, nameClaim(macKey) + alikeSuffix, transaction)
  return alike.map(({ username }) => username)
}

async function markClaimed(users: NamedUser[], claim: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`
    UPDATE users SET name_claim = ${claim} WHERE id = ANY (${users.map(({ id }) => id)}::uuid[])`
}

/** Problems with the claims of usernames, for operators. */
export interface ClaimReport {
  /** Usernames that look like one that was taken earlier. */
  alike: string[]
  /** Number of former users' keys that were made with another MAC key and are no longer recognised. */
  lost: number
}

/** Returns the problems with the claims of usernames. @param macKey null if there is none, as before the first start */
export async function reportClaims(database: Database, macKey: Buffer | null): Promise<ClaimReport> {
  const alike = await database.user.findMany({
    where: { nameClaim: { endsWith: alikeSuffix } },
    orderBy: { username: 'asc' },
    select: { username: true },
  })
  const lost = await database.takenName.count({
    where: { userId: null, shared: false, macKeyId: { not: macKey ? macKeyId(macKey) : '' } },
  })
  return { alike: alike.map(({ username }) => username), lost }
}

/** Marks the claim of a username that looks like one that was taken earlier. */
const alikeSuffix = ':alike'

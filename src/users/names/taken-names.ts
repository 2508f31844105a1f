import type { Database, Transaction } from '../../database/client.js'
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
  let last: string | undefined = firstId
  while (last !== undefined) {
    const after: string = last
    last = await database.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${claimLock})`
      const users = await findUnclaimed(after, nameClaim(macKey), claims === 'outdated', transaction)
      if (users.length > 0) alike.push(...(await claimBatch(users, macKey, transaction)))
      return users.at(-1)?.id
    })
  }
  return alike
}

/** UUID that sorts before the ids of all users. */
const firstId = '00000000-0000-0000-0000-000000000000'

/** Returns a batch of users to claim for. The lock keeps them from being deleted before the username is claimed. */
function findUnclaimed(after: string, claim: string, includesOutdated: boolean, transaction: Transaction) {
  return transaction.$queryRaw<NamedUser[]>`
    SELECT id, username FROM users
    WHERE id > ${after}::uuid
      AND (name_claim IS NULL OR (${includesOutdated} AND name_claim NOT IN (${claim}, ${claim + alikeSuffix})))
    ORDER BY id LIMIT ${batchRows} FOR NO KEY UPDATE`
}

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

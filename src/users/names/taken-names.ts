import { createHmac } from 'node:crypto'
import type { Database, Transaction } from '../../database/client.js'
import { keyedDigest } from '../../passwords/keyed-digest.js'
import { keysVersion, usernameKeys } from './username-keys.js'

/** Advisory lock that a process holds while it claims the usernames of existing users. */
const claimLock = 0x1a7c4e05
/** Number of users whose usernames one transaction claims. */
const batchRows = 500

/** Digest of one key of a username. */
export interface NameDigest {
  /** In hexadecimal. */
  digest: string
  /** Whether other usernames may have the same key. */
  shared: boolean
}

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

/** A user and their name. */
export interface NamedUser {
  id: string
  username: string
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
  const claimed = await insertDigests([...wanted.values()], users, macKey, transaction)
  for (const user of claimants)
    if (user.digests.some(({ digest }) => !claimed.has(digest))) user.isAlike = true

  const alike = claimants.filter(({ isAlike }) => isAlike)
  await markClaimed(users, nameClaim(macKey), transaction)
  await markClaimed(alike, nameClaim(macKey) + alikeSuffix, transaction)
  return alike.map(({ username }) => username)
}

/** Replaces the digests that the users had claimed before. Returns the digests that were free. */
export async function insertDigests(
  wanted: (NameDigest & { userId: string | null })[],
  users: NamedUser[],
  macKey: Buffer,
  transaction: Transaction,
): Promise<Set<string>> {
  const digests = wanted.map(({ digest }) => Buffer.from(digest, 'hex'))
  const userIds = wanted.map(({ userId }) => userId)
  const areShared = wanted.map(({ shared }) => shared)
  await transaction.$executeRaw`DELETE FROM taken_names WHERE user_id = ANY (${users.map(({ id }) => id)}::uuid[])`
  const rows = await transaction.$queryRaw<{ digest: string }[]>`
    INSERT INTO taken_names (digest, user_id, shared, mac_key_id)
    SELECT key.digest, key.user_id, key.shared, ${macKeyId(macKey)}
    FROM unnest(${digests}::bytea[], ${userIds}::uuid[], ${areShared}::boolean[]) AS key (digest, user_id, shared)
    ORDER BY key.digest
    ON CONFLICT (digest) DO UPDATE SET shared = true WHERE taken_names.shared AND excluded.shared
    RETURNING encode(digest, 'hex') AS digest`
  return new Set(rows.map(({ digest }) => digest))
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

/** Returns the version of the rules and the id of the MAC key that the keys of a username are made with. */
export function nameClaim(macKey: Buffer): string {
  return `${keysVersion}:${macKeyId(macKey)}`
}

/** Returns an id of the MAC key that need not be kept secret. */
function macKeyId(macKey: Buffer): string {
  return createHmac('sha256', macKey).update('id of the MAC key\0').digest('hex').slice(0, 16)
}

/**
 * Returns the digests of the keys of a username. Former usernames are known by their digests only; that of the spelling
 * still recognises them when the rules of similarity change.
 */
export function digestsOf(username: string, macKey: Buffer): NameDigest[] {
  const { spelling, looks, isAscii: shared } = usernameKeys(username)
  const digest = (kind: string, key: string) => keyedDigest(macKey, kind, key).toString('hex')
  return [
    { digest: digest('spelling of a name', spelling), shared: false },
    ...looks.map((look) => ({ digest: digest('look of a name', look), shared })),
  ]
}

import { createHmac } from 'node:crypto'
import type { Database, Transaction } from '../database/client.js'
import { keyedDigest } from '../passwords/keyed-digest.js'
import { keysVersion, usernameKeys } from './username.js'

/** Names the lock that one process holds while it claims the names of users who are there already. */
const claimLock = 0x1a7c4e05
/** Number of users whose names one transaction claims. */
const batchRows = 500

/** The digest of one key of a name. */
interface NameDigest {
  /** In hexadecimal. */
  digest: string
  /** Whether other names may have the key too. */
  shared: boolean
}

/**
 * Claims a name for a user, for good: it stays taken when the user goes. Returns whether it was free, as were all names
 * that look like it. Without a MAC key it is compared by its spelling alone, and claimed by the service that has the key.
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
 * Claims the names of users who are there already, in the order of their registration: those whose names were never
 * claimed, and those whose claims were made with another MAC key or by earlier rules.
 *
 * @param claims `missing` leaves out the latter
 * @returns the names that look like one which was taken earlier; their users keep them
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

interface NamedUser {
  id: string
  username: string
}

/** Comes before all ids of users. */
const firstId = '00000000-0000-0000-0000-000000000000'

/** Locks the rows, so that no user goes before the name is claimed. */
function findUnclaimed(after: string, claim: string, isOutdatedToo: boolean, transaction: Transaction) {
  return transaction.$queryRaw<NamedUser[]>`
    SELECT id, username FROM users
    WHERE id > ${after}::uuid
      AND (name_claim IS NULL OR (${isOutdatedToo} AND name_claim NOT IN (${claim}, ${claim + alikeSuffix})))
    ORDER BY id LIMIT ${batchRows} FOR NO KEY UPDATE`
}

/** Claims what is free of each name; of two that look alike, the first one gets what they share. */
async function claimBatch(users: NamedUser[], macKey: Buffer, transaction: Transaction): Promise<string[]> {
  const wanted = new Map<string, NameDigest & { userId: string | null }>()
  const wantedBy = users.map((user) => ({
    ...user,
    digests: digestsOf(user.username, macKey),
    isAlike: false,
  }))
  for (const user of wantedBy)
    for (const key of user.digests) {
      const earlier = wanted.get(key.digest)
      if (earlier === undefined) wanted.set(key.digest, { ...key, userId: key.shared ? null : user.id })
      else if (!earlier.shared || !key.shared) user.isAlike = true
    }
  const claimed = await insertDigests([...wanted.values()], users, macKey, transaction)
  for (const user of wantedBy)
    if (user.digests.some(({ digest }) => !claimed.has(digest))) user.isAlike = true

  const alike = wantedBy.filter(({ isAlike }) => isAlike)
  await markClaimed(users, nameClaim(macKey), transaction)
  await markClaimed(alike, nameClaim(macKey) + alikeSuffix, transaction)
  return alike.map(({ username }) => username)
}

/** Replaces what the users had claimed before. Returns the digests that were free. */
async function insertDigests(
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

/** What the claims of names come to, for whoever operates the service. */
export interface ClaimReport {
  /** Names of users that look like names which were taken earlier. */
  alike: string[]
  /** Number of former users' keys that were made with another MAC key, and are not recognised any more. */
  lost: number
}

/** Reports what is wrong with the claims of names. @param macKey null where there is none, as before the first start */
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

/** Marks users whose names look like one that was taken earlier. */
const alikeSuffix = ':alike'

/** States by which rules and with which MAC key the keys of a name were made. */
export function nameClaim(macKey: Buffer): string {
  return `${keysVersion}:${macKeyId(macKey)}`
}

/** Returns a name of a MAC key that may be public. */
function macKeyId(macKey: Buffer): string {
  return createHmac('sha256', macKey).update('id of the MAC key\0').digest('hex').slice(0, 16)
}

/** The spelling stays recognisable when the rules of looks change: former names are known by their digests alone. */
function digestsOf(username: string, macKey: Buffer): NameDigest[] {
  const { spelling, looks, isAscii: shared } = usernameKeys(username)
  const digest = (kind: string, key: string) => keyedDigest(macKey, kind, key).toString('hex')
  return [
    { digest: digest('spelling of a name', spelling), shared: false },
    ...looks.map((look) => ({ digest: digest('look of a name', look), shared })),
  ]
}

import { createHmac } from 'node:crypto'
import type { Transaction } from '../../database/client.js'
import { keyedDigest } from '../../passwords/keyed-digest.js'
import { keysVersion, usernameKeys } from './username-keys.js'

/** Digest of one key of a username. */
export interface NameDigest {
  /** In hexadecimal. */
  digest: string
  /** Whether other usernames may have the same key. */
  shared: boolean
}

/** A user and their name. */
export interface NamedUser {
  id: string
  username: string
}

/** Returns the version of the rules and the id of the MAC key that the keys of a username are made with. */
export function nameClaim(macKey: Buffer): string {
  return `${keysVersion}:${macKeyId(macKey)}`
}

/** Returns an id of the MAC key that need not be kept secret. */
export function macKeyId(macKey: Buffer): string {
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

/** Replaces the digests that the users had claimed before. Returns the digests that were free. */
export async function claimDigests(
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

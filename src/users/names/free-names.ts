import type { Transaction } from '../../database/client.js'
import { claimDigests, digestsOf, type NamedUser } from './name-digests.js'

/**
 * Returns the given usernames that are free: no user has or had them or a name that looks like them. Of several given ones
 * that look alike, only the first is free.
 *
 * @param macKey key for the digests of usernames; without it, usernames that look alike are not recognised
 */
export async function findFreeUsernames(
  usernames: string[],
  macKey: Buffer | null,
  transaction: Transaction,
): Promise<Set<string>> {
  const former = await findFormerUsernames(usernames, transaction)
  if (!macKey) return new Set(usernames.filter((username) => !former.has(username)))
  const names = usernames.map((username) => ({ username, digests: digestsOf(username, macKey) }))
  const taken = await findTakenDigests(
    names.flatMap(({ digests }) => digests.map(({ digest }) => digest)),
    transaction,
  )
  const free = new Set<string>()
  for (const { username, digests } of names) {
    const isTaken = digests.some(({ digest, shared }) => taken.has(digest) && !(shared && taken.get(digest)))
    if (isTaken || former.has(username)) continue
    for (const { digest, shared } of digests) taken.set(digest, shared)
    free.add(username)
  }
  return free
}

/** Claims the usernames of new users permanently. Returns whether all of them were still free. */
export async function claimFreeUsernames(
  users: NamedUser[],
  macKey: Buffer,
  transaction: Transaction,
): Promise<boolean> {
  const digests = users.flatMap(({ id, username }) =>
    digestsOf(username, macKey).map((digest) => ({ ...digest, userId: digest.shared ? null : id })),
  )
  const wanted = new Map(digests.map((digest) => [digest.digest, digest]))
  const claimed = await claimDigests([...wanted.values()], users, macKey, transaction)
  return claimed.size === wanted.size
}

/** Returns the given usernames that are among the former ones recorded before names had keys, by their digests only. */
async function findFormerUsernames(usernames: string[], transaction: Transaction): Promise<Set<string>> {
  const rows = await transaction.$queryRaw<{ username: string }[]>`
    SELECT username FROM unnest(${usernames}::text[]) AS given (username)
    JOIN former_usernames ON digest = sha256(convert_to(username, 'UTF8'))`
  return new Set(rows.map(({ username }) => username))
}

/** Returns the digests that are taken, and for each whether further usernames may have it too. */
async function findTakenDigests(digests: string[], transaction: Transaction): Promise<Map<string, boolean>> {
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'))
  const rows = await transaction.$queryRaw<{ digest: string; shared: boolean }[]>`
    SELECT encode(digest, 'hex') AS digest, shared FROM taken_names WHERE digest = ANY (${keys}::bytea[])`
  return new Map(rows.map(({ digest, shared }) => [digest, shared]))
}

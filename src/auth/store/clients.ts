import type { Database, Transaction } from '../../database/index.js'

/** The client of requests that name none, as the tutorial's do; a migration makes it. */
export const firstPartyId = 'first-party'

/** A client, and the digests of its secrets. */
export type Client = NonNullable<Awaited<ReturnType<typeof findClient>>>

/** How fresh the time of a secret's last use is kept: a write on every request would cost more than it tells. */
const lastUsePrecisionMs = 60_000

const clientIdSyntax = /^[A-Za-z0-9._-]{1,64}$/

/** The client of that id, or null. */
export async function findClient(clientId: string, database: Database) {
  if (!clientIdSyntax.test(clientId)) return null
  return database.client.findUnique({ where: { clientId }, include: { secrets: true } })
}

/** Remembers that a secret was used, to the minute. */
export async function noteSecretUse(
  { clientId, slot, lastUsedAt }: Client['secrets'][number],
  database: Transaction,
): Promise<void> {
  const now = new Date()
  if (lastUsedAt && now.getTime() - lastUsedAt.getTime() < lastUsePrecisionMs) return
  await database.clientSecret.updateMany({ where: { clientId, slot }, data: { lastUsedAt: now } })
}

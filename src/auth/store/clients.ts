import type { Database, Transaction } from '../../database/client.js'
import { clientSubject } from '../subject.js'

/** The client of requests that name none, as the tutorial's do; a migration makes it. */
export const firstPartyId = 'first-party'

/** A client, and the digests of its secrets. */
export type Client = NonNullable<Awaited<ReturnType<typeof findClient>>>

/** How fresh the time of a secret's last use is kept: a write on every request would cost more than it tells. */
const lastUsePrecisionSeconds = 60

/** When the use of a secret was noted last, by the clock of `performance.now()`. */
const notedAt = new WeakMap<Client['secrets'][number], number>()

/** What a client can be given the right to: `introspect`, to be told about tokens that do not concern it. */
export const clientRights = ['introspect'] as const

/** What a client may be called. */
export const clientIdSyntax = /^[A-Za-z0-9._-]{1,64}$/

/** The client of that id, or null. */
export async function findClient(clientId: string, database: Database) {
  if (!clientIdSyntax.test(clientId)) return null
  return database.client.findUnique({ where: { clientId }, include: { secrets: true } })
}

/** Records that a secret was used, to the minute. */
export async function noteSecretUse(secret: Client['secrets'][number], database: Transaction): Promise<void> {
  const now = performance.now()
  if (now - (notedAt.get(secret) ?? Number.NEGATIVE_INFINITY) < lastUsePrecisionSeconds * 1_000) return
  notedAt.set(secret, now)
  const { clientId, slot } = secret
  await database.$executeRaw`
    UPDATE client_secrets SET last_used_at = now()
    WHERE client_id = ${clientId} AND slot = ${slot}
      AND (last_used_at IS NULL OR last_used_at <= now() - make_interval(secs => ${lastUsePrecisionSeconds}))`
}

/** Every client and its secrets, by its id. */
export async function listClients(database: Transaction) {
  const secrets = { select: { createdAt: true, lastUsedAt: true }, orderBy: { createdAt: 'asc' as const } }
  return database.client.findMany({ orderBy: { clientId: 'asc' }, include: { secrets } })
}

/** What a new client is and may do. */
export interface NewClient {
  clientId: string
  name: string
  confidential: boolean
  grants: string[]
  scopes: string[]
  rights: string[]
}

/** Adds a client. Whether its id was free. */
export async function createClient(client: NewClient, database: Transaction): Promise<boolean> {
  const { count } = await database.client.createMany({ data: [client], skipDuplicates: true })
  return count === 1
}

/** What a token of the client for itself says of it. */
export function ownClaims({ clientId, generation }: Client): { sub: string; clientId: string; gen: number } {
  return { sub: clientSubject(clientId), clientId, gen: generation }
}

/** Sets which rights a client has. Whether there is such a client, and it is a confidential one. */
export async function setClientRights(
  clientId: string,
  rights: string[],
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.client.updateMany({
    where: { clientId, confidential: true },
    data: { rights },
  })
  return count === 1
}

/** Gives a client a new secret in the place of the older of two. It waits for other transactions that do the same. */
export async function addSecret(clientId: string, digest: Buffer, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`SELECT 1 FROM clients WHERE client_id = ${clientId} FOR UPDATE`
  const secrets = await transaction.clientSecret.findMany({ where: { clientId } })
  const madeAt = (slot: number) => secrets.find((secret) => secret.slot === slot)?.createdAt.getTime() ?? 0
  const slot = madeAt(1) <= madeAt(2) ? 1 : 2
  await transaction.clientSecret.deleteMany({ where: { clientId, slot } })
  await transaction.clientSecret.create({ data: { clientId, slot, digest: new Uint8Array(digest) } })
}

/** Disables or enables a client. What was issued to a disabled one stays dead. Whether there is such a client. */
export async function setClientDisabled(
  clientId: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.client.updateMany({ where: { clientId }, data: { disabled } })
  return count === 1
}

/** Deletes a client and ends all tokens that were issued to it. Whether there was such a client. */
export async function deleteClient(clientId: string, database: Transaction): Promise<boolean> {
  const { count } = await database.client.deleteMany({ where: { clientId } })
  return count === 1
}

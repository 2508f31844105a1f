import type { Database, Transaction } from '../../database/client.js'
import { clientSubject } from '../subject.js'

/** Id of the client of requests that name none, as the tutorial's do. A migration creates it. */
export const firstPartyId = 'first-party'

/** A client with the digests of its secrets, its keys and the issuers that it trusts. */
export type Client = NonNullable<Awaited<ReturnType<typeof findClient>>>

/** Precision of the time of a secret's last use. It saves a write per request. */
const lastUsePrecisionSeconds = 60

/** Time at which this process last recorded the use of a secret, by `performance.now()`. */
const notedAt = new WeakMap<Client['secrets'][number], number>()

/** Rights that a client can be given. With `introspect` it can introspect the tokens of every client for this service. */
export const clientRights = ['introspect'] as const

/** Syntax of a client id. */
export const clientIdSyntax = /^[A-Za-z0-9._-]{1,64}$/

/** Returns the client with this id, or null. */
export async function findClient(clientId: string, database: Database) {
  if (!clientIdSyntax.test(clientId)) return null
  const include = { secrets: true, keys: true, trustedIssuers: true }
  return database.client.findUnique({ where: { clientId }, include })
}

/** Records the use of a secret, to the minute. */
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

/** Returns every client with its secrets, keys and trusted issuers, ordered by id. */
export async function listClients(database: Transaction) {
  const secrets = { select: { createdAt: true, lastUsedAt: true }, orderBy: { createdAt: 'asc' as const } }
  const include = { secrets, keys: true, trustedIssuers: true }
  return database.client.findMany({ orderBy: { clientId: 'asc' }, include })
}

/** A client to be created. */
export interface NewClient {
  clientId: string
  name: string
  confidential: boolean
  grants: string[]
  scopes: string[]
  rights: string[]
}

/** Creates a client. Returns false when its id is taken. */
export async function createClient(client: NewClient, database: Transaction): Promise<boolean> {
  const { count } = await database.client.createMany({ data: [client], skipDuplicates: true })
  return count === 1
}

/** Returns the claims about a client in a token that it is issued for itself. */
export function ownClaims({ clientId, generation }: Client): { sub: string; clientId: string; gen: number } {
  return { sub: clientSubject(clientId), clientId, gen: generation }
}

/** Changes the name, the grants or the scopes of a client. Returns false when there is no such client. */
export async function updateClient(
  clientId: string,
  changes: Partial<Pick<NewClient, 'name' | 'grants' | 'scopes'>>,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.client.updateMany({ where: { clientId }, data: changes })
  return count === 1
}

/** Sets the rights of a client. Returns false when there is no confidential client with this id. */
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

/** Locks a client until the transaction ends. Waits for other transactions that do the same. */
export async function lockClient(clientId: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`SELECT 1 FROM clients WHERE client_id = ${clientId} FOR UPDATE`
}

/** Stores a new secret in place of the older of the two. Waits for other transactions that do the same. */
export async function addSecret(clientId: string, digest: Buffer, transaction: Transaction): Promise<void> {
  await lockClient(clientId, transaction)
  const secrets = await transaction.clientSecret.findMany({ where: { clientId } })
  const createdAt = (slot: number) => secrets.find((secret) => secret.slot === slot)?.createdAt.getTime() ?? 0
  const slot = createdAt(1) <= createdAt(2) ? 1 : 2
  await transaction.clientSecret.deleteMany({ where: { clientId, slot } })
  await transaction.clientSecret.create({ data: { clientId, slot, digest: new Uint8Array(digest) } })
}

/**
 * Disables or enables a client. Tokens that were issued before it was disabled stay revoked. Returns false when there is
 * no such client.
 */
export async function setClientDisabled(
  clientId: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.client.updateMany({ where: { clientId }, data: { disabled } })
  return count === 1
}

/** Deletes a client and with it all tokens that were issued to it. Returns false when there is no such client. */
export async function deleteClient(clientId: string, database: Transaction): Promise<boolean> {
  const { count } = await database.client.deleteMany({ where: { clientId } })
  return count === 1
}

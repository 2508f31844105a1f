import type { Database, Transaction } from '../../database/client.js'
import { clientSubject } from '../subject.js'

/** Id of the client of requests that name none, as the tutorial's do. A migration creates it. */
export const firstPartyId = 'first-party'

/** A client with the digests of its secrets, its keys and the issuers that it trusts. */
export type Client = NonNullable<Awaited<ReturnType<typeof findClient>>>

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

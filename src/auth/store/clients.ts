import type { Database, Transaction } from '../../database/client.js'
import type { Prisma } from '../../database/generated/client.js'
import { queryRows } from '../../database/query.js'
import { clientSubject } from '../subject.js'

/** Id of the client of requests that name none, as the tutorial's do. A migration creates it. */
export const firstPartyId = 'first-party'

/** A client with the digests of its secrets, its keys and the issuers that it trusts. */
export type Client = Prisma.ClientGetPayload<{ include: typeof withCredentials }>

const withCredentials = { secrets: true, keys: true, trustedIssuers: true } as const

/** Rights that a client can be given. With `introspect` it can introspect the tokens of every client for this service. */
export const clientRights = ['introspect'] as const

/** Syntax of a client id. */
export const clientIdSyntax = /^[A-Za-z0-9._-]{1,64}$/

/** Returns the client with this id, or null. */
export async function findClient(clientId: string, database: Database): Promise<Client | null> {
  if (!clientIdSyntax.test(clientId)) return null
  const find = <Row extends object>(text: string) => queryRows<Row>(text, [clientId], database)
  const [client] = await find<Omit<Client, keyof typeof withCredentials>>(clientById)
  if (!client) return null
  // One after another, as clients that are not in memory must not take all connections of the pool.
  const secrets = await find<Client['secrets'][number]>(secretsOfClient)
  const [keys] = await find<NonNullable<Client['keys']>>(keysOfClient)
  const trustedIssuers = await find<Client['trustedIssuers'][number]>(issuersOfClient)
  return { ...client, secrets, keys: keys ?? null, trustedIssuers }
}

const clientById = `
  SELECT client_id AS "clientId", name, confidential, grants, scopes, rights, disabled, generation, created_at AS "createdAt",
    updated_at AS "updatedAt"
  FROM clients WHERE client_id = $1`

const secretsOfClient = `
  SELECT client_id AS "clientId", slot, digest, created_at AS "createdAt", last_used_at AS "lastUsedAt"
  FROM client_secrets WHERE client_id = $1`

const keySourceColumns = `
  client_id AS "clientId", jwks, jwks_uri AS "jwksUri", allow_private_host AS "allowPrivateHost", ca, created_at AS "createdAt"`

const keysOfClient = `SELECT ${keySourceColumns} FROM client_keys WHERE client_id = $1`

const issuersOfClient = `
  SELECT issuer, subject_pattern AS "subjectPattern", audience, ${keySourceColumns}
  FROM trusted_issuers WHERE client_id = $1`

/** Returns every client with its secrets, keys and trusted issuers, ordered by id. */
export async function listClients(database: Transaction) {
  const secrets = { select: { createdAt: true, lastUsedAt: true }, orderBy: { createdAt: 'asc' as const } }
  const include = { ...withCredentials, secrets }
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

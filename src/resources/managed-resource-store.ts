import type { SubjectType } from '../auth/subject.js'
import type { Transaction } from '../database/client.js'
import { isStorable } from '../database/storable.js'

/** A scope of a resource. */
export interface ResourceScope {
  name: string
  description: string | null
  /** Whether every user has it. */
  byDefault: boolean
}

/** Properties of a resource that administrators and operators set. */
export interface ResourceSettings {
  identifier: string
  /** Lifetime of its access tokens; null for that of tokens for this service. */
  tokenTtlSeconds: number | null
  /** What the `sub` of a user is in its tokens. */
  subjectType: SubjectType
  disabled: boolean
  scopes: ResourceScope[]
  /** Ids of the clients that may introspect its tokens. */
  servers: string[]
}

/** A resource as administrators and operators manage it. */
export interface ManagedResource extends ResourceSettings {
  id: string
  name: string
  createdAt: Date
  updatedAt: Date
}

const parts = {
  scopes: { select: { name: true, description: true, byDefault: true }, orderBy: { name: 'asc' } },
  servers: { select: { clientId: true }, orderBy: { clientId: 'asc' } },
} as const

/** Returns resources sorted by name. @param after name that the page begins after */
export async function listResources(
  { limit, after }: { limit?: number; after?: string | undefined },
  database: Transaction,
): Promise<ManagedResource[]> {
  const rows = await database.resource.findMany({
    ...(after !== undefined && { where: { name: { gt: after } } }),
    ...(limit !== undefined && { take: limit }),
    orderBy: { name: 'asc' },
    include: parts,
  })
  return rows.map(toManagedResource)
}

/** Returns a resource, or null. */
export async function findResource(name: string, database: Transaction): Promise<ManagedResource | null> {
  if (!isStorable(name)) return null
  const row = await database.resource.findUnique({ where: { name }, include: parts })
  return row && toManagedResource(row)
}

/** Returns a resource, which no other transaction can change until this one ends, or null. */
export async function lockResource(name: string, transaction: Transaction): Promise<ManagedResource | null> {
  await transaction.$executeRaw`SELECT 1 FROM resources WHERE name = ${name} FOR UPDATE`
  return findResource(name, transaction)
}

/** Adds a resource without scopes and servers. Returns its id, or null if its name or identifier is taken. */
export async function addResource(
  resource: Omit<ResourceSettings, 'scopes' | 'servers'> & { name: string },
  database: Transaction,
): Promise<string | null> {
  const [added] = await database.resource.createManyAndReturn({
    data: [resource],
    skipDuplicates: true,
    select: { id: true },
  })
  return added?.id ?? null
}

/** Changes a resource itself, but not its scopes and servers. Always updates `updated_at`. Fails if the identifier is taken. */
export async function updateResource(
  id: string,
  changes: Partial<Omit<ResourceSettings, 'scopes' | 'servers'>>,
  database: Transaction,
): Promise<void> {
  // With the id, since Prisma sends no statement for empty data.
  await database.resource.updateMany({ where: { id }, data: { ...changes, id } })
}

/**
 * Adds scopes to a resource, in the order of their names, so that two transactions that add the same ones cannot deadlock.
 * Returns the names that belong to another resource.
 */
export async function addScopes(
  resourceId: string,
  scopes: ResourceScope[],
  database: Transaction,
): Promise<string[]> {
  const sorted = scopes.toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
  const data = sorted.map((scope) => ({ ...scope, resourceId }))
  const select = { name: true }
  const added = await database.resourceScope.createManyAndReturn({ data, skipDuplicates: true, select })
  return sorted.map(({ name }) => name).filter((name) => !added.some((one) => one.name === name))
}

/** Changes scopes that a resource has. */
export async function updateScopes(scopes: ResourceScope[], database: Transaction): Promise<void> {
  for (const { name, ...data } of scopes) await database.resourceScope.updateMany({ where: { name }, data })
}

/** Deletes scopes of a resource, which takes them from all users, roles and clients. */
export async function removeScopes(
  resourceId: string,
  names: string[],
  database: Transaction,
): Promise<void> {
  if (names.length > 0)
    await database.resourceScope.deleteMany({ where: { resourceId, name: { in: names } } })
}

/** Replaces the servers of a resource. If some of them are not confidential clients, returns these, and adds none. */
export async function replaceServers(
  resourceId: string,
  servers: string[],
  transaction: Transaction,
): Promise<string[]> {
  await transaction.resourceServer.deleteMany({ where: { resourceId, clientId: { notIn: servers } } })
  const found = await transaction.$queryRaw<{ clientId: string }[]>`
    SELECT client_id AS "clientId" FROM clients WHERE client_id = ANY (${servers}) AND confidential ORDER BY client_id FOR KEY SHARE`
  const others = servers.filter((server) => !found.some(({ clientId }) => clientId === server))
  if (others.length > 0) return others
  const data = servers.map((clientId) => ({ resourceId, clientId }))
  await transaction.resourceServer.createMany({ data, skipDuplicates: true })
  return []
}

/**
 * Deletes a resource, which takes its scopes from all users, roles and clients, and ends the logins that were made for it.
 */
export async function removeResource(id: string, database: Transaction): Promise<void> {
  await database.resource.deleteMany({ where: { id } })
}

/** Returns the clients that have one of these scopes, with all of their scopes. */
export function findClientsWith(
  scopes: string[],
  database: Transaction,
): Promise<{ clientId: string; scopes: string[] }[]> {
  return database.client.findMany({
    where: { scopes: { hasSome: scopes } },
    orderBy: { clientId: 'asc' },
    select: { clientId: true, scopes: true },
  })
}

function toManagedResource({
  subjectType,
  servers,
  ...row
}: Omit<ManagedResource, 'subjectType' | 'servers'> & {
  subjectType: string
  servers: { clientId: string }[]
}): ManagedResource {
  return {
    ...row,
    // A check in the database allows these two.
    subjectType: subjectType as ManagedResource['subjectType'],
    servers: servers.map(({ clientId }) => clientId),
  }
}

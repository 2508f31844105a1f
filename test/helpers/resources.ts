import type { Database } from '../../src/database/client.js'

/** A resource to store. */
export interface ResourceFixture {
  name: string
  identifier: string
  scopes: string[]
  /** Those of the scopes that every user has. */
  defaultScopes?: string[]
  /** Ids of the clients that may introspect its tokens. */
  servers?: string[]
  tokenTtlSeconds?: number
  subjectType?: 'public' | 'username'
}

/** Stores a resource. */
export async function storeResource(database: Database, resource: ResourceFixture): Promise<void> {
  const { scopes, defaultScopes = [], servers = [], ...columns } = resource
  await database.resource.create({
    data: {
      ...columns,
      scopes: { create: scopes.map((name) => ({ name, byDefault: defaultScopes.includes(name) })) },
      servers: { create: servers.map((clientId) => ({ clientId })) },
    },
  })
}

/** Stores a role, and grants it to users. */
export async function storeRole(
  database: Database,
  name: string,
  scopes: string[],
  usernames: string[] = [],
): Promise<void> {
  const users = await database.user.findMany({ where: { username: { in: usernames } } })
  await database.role.create({
    data: {
      name,
      scopes: { create: scopes.map((scope) => ({ scope })) },
      users: { create: users.map(({ id }) => ({ userId: id })) },
    },
  })
}

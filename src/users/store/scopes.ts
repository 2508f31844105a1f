import type { Transaction } from '../../database/client.js'
import { grantableScopes } from '../scopes.js'

/**
 * Returns the scopes that cannot be granted to users, as neither this service nor a resource defines them. Locks the others
 * against deletion until the transaction ends, before rows of users, as a deletion of scopes does.
 */
export async function findUnknownScopes(
  scopes: readonly string[],
  transaction: Transaction,
): Promise<string[]> {
  const ofResources = scopes.filter((scope) => !isGrantable(scope))
  if (ofResources.length === 0) return []
  const known = await transaction.$queryRaw<{ name: string }[]>`
    SELECT name FROM resource_scopes WHERE name = ANY (${ofResources}) ORDER BY name FOR KEY SHARE`
  return ofResources.filter((scope) => !known.some(({ name }) => name === scope))
}

/** Names of the scopes and roles that users can be granted. */
export interface Grantable {
  scopes: ReadonlySet<string>
  roles: ReadonlySet<string>
}

/** Returns every scope and every role that a user can have. */
export async function findGrantable(database: Transaction): Promise<Grantable> {
  const scopes = await database.resourceScope.findMany({ select: { name: true } })
  const roles = await database.role.findMany({ select: { name: true } })
  return {
    scopes: new Set([...grantableScopes, ...scopes.map(({ name }) => name)]),
    roles: new Set(roles.map(({ name }) => name)),
  }
}

function isGrantable(scope: string): boolean {
  return grantableScopes.some((grantable) => grantable === scope)
}

import type { Transaction } from '../../database/client.js'
import type { Grant } from '../access-token.js'
import type { SubjectType } from '../subject.js'
import { withPath } from './identifier.js'

/** A resource as tokens depend on it, with the clients that may introspect its tokens. */
export interface Resource {
  id: string
  identifier: string
  /** Lifetime of its access tokens; null for that of tokens for this service. */
  tokenTtlSeconds: number | null
  /** What the `sub` of a user is in its tokens. */
  subjectType: SubjectType
  disabled: boolean
  generation: number
  /** Ids of the clients. */
  servers: readonly string[]
}

/** Every resource. */
export interface Catalogue {
  /** Resources by their identifiers, as `withPath` returns them. */
  byIdentifier: ReadonlyMap<string, Resource>
  /** Resources by the scopes that belong to them. All other scopes belong to this service. */
  byScope: ReadonlyMap<string, Resource>
  /** Identifiers of enabled resources, sorted by the names of the resources. */
  enabled: readonly string[]
  /** Scopes of enabled resources that every user has. */
  defaultScopes: readonly string[]
}

/** Reads every resource. */
export async function readCatalogue(database: Transaction): Promise<Catalogue> {
  const rows = await database.resource.findMany({
    orderBy: { name: 'asc' },
    include: { scopes: { orderBy: { name: 'asc' } }, servers: true },
  })
  const resources = rows.map(({ scopes, servers, ...resource }) => ({
    scopes,
    // A check in the database allows these two.
    resource: { ...resource, servers: servers.map(({ clientId }) => clientId) } as Resource,
  }))
  return {
    byIdentifier: new Map(resources.map(({ resource }) => [withPath(resource.identifier), resource])),
    byScope: new Map(
      resources.flatMap(({ resource, scopes }) => scopes.map(({ name }) => [name, resource] as const)),
    ),
    enabled: resources.flatMap(({ resource }) => (resource.disabled ? [] : [resource.identifier])),
    defaultScopes: resources.flatMap(({ resource, scopes }) =>
      scopes.flatMap(({ name, byDefault }) => (byDefault && !resource.disabled ? [name] : [])),
    ),
  }
}

/** Returns the audience and the lifetime of an access token for a resource; nothing for this service. */
export function tokenTerms(resource: Resource | null): Pick<Grant, 'audience' | 'ttlSeconds'> {
  if (!resource) return {}
  const { identifier, generation, tokenTtlSeconds } = resource
  return { audience: { aud: identifier, rgen: generation }, ttlSeconds: tokenTtlSeconds }
}

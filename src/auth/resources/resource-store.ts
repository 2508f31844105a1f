import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
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

/** A resource as it is stored, with its scopes by their names. */
type StoredResource = Resource & { scopes: { name: string; byDefault: boolean }[] }

const allResources = `
  SELECT id, identifier, token_ttl_seconds AS "tokenTtlSeconds", subject_type AS "subjectType", disabled, generation,
    ARRAY(SELECT client_id FROM resource_servers WHERE resource_id = resources.id) AS servers,
    coalesce((
      SELECT json_agg(json_build_object('name', scope.name, 'byDefault', by_default) ORDER BY scope.name)
      FROM resource_scopes AS scope WHERE resource_id = resources.id
    ), '[]') AS scopes
  FROM resources ORDER BY name`

/** Reads every resource. */
export async function readCatalogue(database: Database): Promise<Catalogue> {
  const rows = await queryRows<StoredResource>(allResources, [], database)
  const resources = rows.map(({ scopes, ...resource }) => ({ scopes, resource }))
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

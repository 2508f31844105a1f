import type { Static } from 'typebox'
import { InvalidInput } from '../errors.js'
import { etagOfContent } from '../http/etag.js'
import type { ManagedResource, ResourceScope, ResourceSettings } from './managed-resource-store.js'
import type { NewResource, Resource, ResourcePatch } from './resource-schema.js'

/** Returns a resource as administrators see it. */
export function toResource(resource: ManagedResource): Static<typeof Resource> {
  return {
    name: resource.name,
    audience: resource.identifier,
    scopes: resource.scopes.map(({ byDefault, ...scope }) => ({ ...scope, by_default: byDefault })),
    token_ttl_seconds: resource.tokenTtlSeconds,
    subject_type: resource.subjectType,
    servers: resource.servers,
    disabled: resource.disabled,
    created_at: resource.createdAt.toISOString(),
    updated_at: resource.updatedAt.toISOString(),
  }
}

/** Returns the entity tag of a resource. */
export function etagOf(resource: ManagedResource): string {
  return etagOfContent(toResource(resource))
}

/** Returns the settings of a new resource. @throws InvalidInput if a scope is named twice */
export function toSettings(given: Omit<Static<typeof NewResource>, 'name'>): ResourceSettings {
  return {
    identifier: given.audience,
    scopes: toScopes(given.scopes),
    tokenTtlSeconds: given.token_ttl_seconds,
    subjectType: given.subject_type,
    servers: given.servers,
    disabled: given.disabled,
  }
}

/** Returns the settings that a patch changes. @throws InvalidInput if a scope is named twice */
export function toChanges(patch: Static<typeof ResourcePatch>): Partial<ResourceSettings> {
  const { audience, scopes, token_ttl_seconds: tokenTtlSeconds, subject_type: subjectType, ...others } = patch
  return {
    ...others,
    ...(audience !== undefined && { identifier: audience }),
    ...(scopes !== undefined && { scopes: toScopes(scopes) }),
    ...(tokenTtlSeconds !== undefined && { tokenTtlSeconds }),
    ...(subjectType !== undefined && { subjectType }),
  }
}

function toScopes(scopes: Static<typeof NewResource>['scopes']): ResourceScope[] {
  if (new Set(scopes.map(({ name }) => name)).size < scopes.length)
    throw new InvalidInput('body', ['scopes'], 'duplicate', 'A scope is named twice')
  return scopes.map(({ name, description, by_default: byDefault }) => ({ name, description, byDefault }))
}

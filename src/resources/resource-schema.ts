import { Type } from 'typebox'
import { identifierSyntax, maxIdentifierLength } from '../auth/resources/identifier.js'
import { clientIdSyntax } from '../auth/store/clients.js'
import { subjectTypes } from '../auth/subject.js'
import { closed, defaulted, nullable, singleLineText, text, textEnum } from '../http/schema.js'
import { scopeName } from '../users/scopes.js'

/** Maximum size of a request body (bytes): a hundred scopes of the maximum length, in any spelling that JSON permits. */
export const maxResourceBytes = 262_144

/** Maximum number of scopes of a resource. */
export const maxScopes = 100
/** Maximum number of clients that may introspect the tokens of a resource. */
const maxServers = 20

const name = Type.String({
  maxLength: 64,
  pattern: '^[a-z0-9]+(-[a-z0-9]+)*$',
  description: 'Lower-case letters and digits, with hyphens between them. It never changes.',
})

const description = nullable(
  singleLineText({ maxLength: 255, description: 'What the scope permits, for people.' }),
)

const byDefault = Type.Boolean({ default: false, description: 'Whether every user has the scope.' })

const scope = Type.Object(
  {
    name: scopeName,
    description: defaulted({ ...description, default: null }),
    by_default: defaulted(byDefault),
  },
  closed,
)

const audience = Type.String({
  maxLength: maxIdentifierLength,
  pattern: identifierSyntax.source,
  description:
    'Absolute URI without a fragment. Clients name it as `resource` (RFC 8707), and tokens have it as `aud`.',
})

const settings = {
  audience,
  scopes: Type.Array(scope, { maxItems: maxScopes, description: 'Scopes of the resource, and of no other.' }),
  token_ttl_seconds: nullable(
    Type.Integer({
      minimum: 60,
      maximum: 86_400,
      description: 'Lifetime of its access tokens; null for the lifetime of tokens of this service.',
    }),
  ),
  subject_type: textEnum(subjectTypes, {
    description:
      '`sub` of users in its tokens: `public` for a random identifier that never changes, or the `username`.',
  }),
  servers: Type.Array(Type.String({ maxLength: 64, pattern: clientIdSyntax.source }), {
    uniqueItems: true,
    maxItems: maxServers,
    description: 'Ids of the confidential clients that may introspect its tokens.',
  }),
  disabled: Type.Boolean({
    description: 'Whether no tokens are issued for it, and those issued are inactive.',
  }),
}

const example = {
  name: 'orders',
  audience: 'https://orders.example',
  scopes: [{ name: 'orders:read', description: null, by_default: false }],
  token_ttl_seconds: 600,
  subject_type: 'public' as const,
  servers: [],
  disabled: false,
}

/** A resource. */
export const Resource = Type.Object(
  {
    name,
    ...settings,
    scopes: Type.Array(Type.Object({ name: scopeName, description, by_default: byDefault })),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'Resource',
    examples: [
      { ...example, created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' },
    ],
  },
)

/** A resource that is created. */
export const NewResource = Type.Object(
  {
    name,
    audience,
    scopes: defaulted({ ...settings.scopes, default: [] }),
    token_ttl_seconds: defaulted({ ...settings.token_ttl_seconds, default: null }),
    subject_type: defaulted({ ...settings.subject_type, default: 'public' }),
    servers: defaulted({ ...settings.servers, default: [] }),
    disabled: defaulted({ ...settings.disabled, default: false }),
  },
  { ...closed, $id: 'NewResource', examples: [example] },
)

/** Changes to a resource, as a JSON merge patch (RFC 7396): a list replaces the list before. */
export const ResourcePatch = Type.Partial(Type.Object(settings), {
  ...closed,
  $id: 'ResourcePatch',
  examples: [{ token_ttl_seconds: 300 }],
})

/** Path parameters that name a resource. */
export const ResourceParams = Type.Object({
  name: text({ maxLength: 64, description: 'Name of the resource.' }),
})

/** Schemas that the operations refer to. */
export const resourceSchemas = [Resource, NewResource, ResourcePatch]

import { Type } from 'typebox'
import { closed, defaulted, nullable, singleLineText, text } from '../http/schema.js'
import { scopeName } from '../users/scopes.js'

/** Maximum size of a request body (bytes). */
export const maxRoleBytes = 65_536

/** Maximum number of scopes of a role. */
export const maxScopes = 100

const name = Type.String({
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  description: 'Letters, digits, dots, underscores and hyphens. It never changes.',
})

const description = nullable(singleLineText({ maxLength: 255, description: 'What the role is for.' }))

const scopes = Type.Array(scopeName, {
  uniqueItems: true,
  maxItems: maxScopes,
  description: 'Scopes that its users have: `items:admin`, and scopes of resources.',
})

const example = { name: 'clerk', description: null, scopes: ['orders:read'] }

/** A role. */
export const Role = Type.Object(
  {
    name,
    description,
    scopes,
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'Role',
    examples: [
      { ...example, created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' },
    ],
  },
)

/** A role that is created. */
export const NewRole = Type.Object(
  {
    name,
    description: defaulted({ ...description, default: null }),
    scopes: defaulted({ ...scopes, default: [] }),
  },
  { ...closed, $id: 'NewRole', examples: [example] },
)

/** Changes to a role, as a JSON merge patch (RFC 7396): a list replaces the list before. */
export const RolePatch = Type.Object(
  { description: Type.Optional(description), scopes: Type.Optional(scopes) },
  { ...closed, $id: 'RolePatch', examples: [{ scopes: ['orders:read', 'orders:write'] }] },
)

const roleName = text({ maxLength: 64, description: 'Name of the role.' })

/** Path parameters that name a role. */
export const RoleParams = Type.Object({ name: roleName })

/** Path parameters that name a role of a user. */
export const UserRoleParams = Type.Object({
  username: text({ maxLength: 255, description: 'Name of the user.' }),
  role: roleName,
})

/** Schemas that the operations refer to. */
export const roleSchemas = [Role, NewRole, RolePatch]

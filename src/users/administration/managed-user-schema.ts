import { Type } from 'typebox'
import { pageParameters } from '../../http/page.js'
import { closed, defaulted, nullable, nullableString, text, textEnum } from '../../http/schema.js'
import { scopeName } from '../scopes.js'
import { email, fullName, newPassword, password, User, username } from '../user-schema.js'

/** Maximum number of scopes that a user has beyond those that every user has, and those of roles. */
export const maxUserScopes = 100

const scopes = Type.Array(scopeName, {
  uniqueItems: true,
  maxItems: maxUserScopes,
  description:
    'Scopes of the user beyond those that every user has and those of roles: `users:admin`, `items:admin`, and scopes of ' +
    'resources.',
})

const passwordChangeRequired = Type.Boolean({
  description: 'Whether the user must change their password before anything else.',
})

const managedUser = {
  username: User.properties.username,
  email_verified: nullable(
    Type.Boolean({
      description:
        'Whether the e-mail address that the user gave last is verified; null if there is none. The address itself is not shown.',
    }),
  ),
  full_name: User.properties.full_name,
  disabled: User.properties.disabled,
  password_change_required: passwordChangeRequired,
  scopes,
  roles: Type.Array(Type.String({ maxLength: 64 }), {
    description: 'Roles of the user, whose scopes the user has too.',
  }),
  created_at: Type.String({ format: 'date-time' }),
}

const example = {
  username: 'johndoe',
  email_verified: true,
  full_name: 'John Doe',
  disabled: false,
  password_change_required: false,
  scopes: [],
  roles: [],
  created_at: '2026-01-01T00:00:00.000Z',
}

const shownPassword = nullableString({
  maxLength: 1024,
  description: 'The generated password, which is not shown again; null if the request contained one.',
})
const firstPassword = {
  password: Type.Optional(newPassword),
  password_change_required: defaulted({ ...passwordChangeRequired, default: true }),
}

/** A user as administrators see them: without the e-mail address. */
export const ManagedUser = Type.Object(managedUser, { $id: 'ManagedUser', examples: [example] })

/** A user whom an administrator creates; the password is generated if it is missing. */
export const UserCreation = Type.Object(
  {
    ...firstPassword,
    email: Type.Optional(email),
    email_verified: defaulted(
      Type.Boolean({
        default: false,
        description: 'Whether the address counts as verified. If not, a link to verify it is mailed to it.',
      }),
    ),
    full_name: Type.Optional(fullName),
    disabled: defaulted(Type.Boolean({ default: false })),
  },
  { ...closed, $id: 'UserCreation', examples: [{ full_name: 'Jane Doe', email: 'janedoe@example.com' }] },
)

/** A user whom an administrator has created. */
export const CreatedUser = Type.Object(
  { ...managedUser, password: shownPassword },
  { $id: 'CreatedUser', examples: [{ ...example, password: 'mq0bXcH3mZ8lH8nD1m1b' }] },
)

/** A password that an administrator sets for a user; it is generated if it is missing. */
export const PasswordAssignment = Type.Object(firstPassword, {
  ...closed,
  $id: 'PasswordAssignment',
  examples: [{}],
})

/** A password that an administrator has set. */
export const AssignedPassword = Type.Object(
  { password: shownPassword },
  { $id: 'AssignedPassword', examples: [{ password: 'mq0bXcH3mZ8lH8nD1m1b' }] },
)

/** The deletion of a user by an administrator. */
export const UserRemoval = Type.Object(
  {
    password: Type.Optional(password("The administrator's password, required to delete their own account.")),
  },
  { ...closed, $id: 'UserRemoval' },
)

/** Changes to a user by an administrator. */
export const ManagedUserPatch = Type.Object(
  {
    disabled: Type.Optional(Type.Boolean()),
    password_change_required: Type.Optional(passwordChangeRequired),
    scopes: Type.Optional(scopes),
  },
  { ...closed, $id: 'ManagedUserPatch', examples: [{ disabled: true }] },
)

/** Query parameters of the list of users. */
export const UserQuery = Type.Object(
  {
    ...pageParameters,
    name_prefix: Type.Optional(
      text({ minLength: 1, maxLength: 255, description: 'Only users whose username begins with this.' }),
    ),
    state: Type.Optional(textEnum(['enabled', 'disabled'], { description: 'Only users in this state.' })),
  },
  { additionalProperties: true },
)

/** Path parameters that name a new user. */
export const NewUserParams = Type.Object({ username })

/** Path parameters that name a user. */
export const UserParams = Type.Object({
  username: text({ maxLength: 255, description: 'Name of the user.' }),
})

/** An invitation for one person to register. */
export const Invitation = Type.Object(
  { invitation: Type.String({ description: 'Valid for one registration within 7 days.' }) },
  { $id: 'Invitation', examples: [{ invitation: 'q3mYwV0m0bXcH3mZ8lH8nD1m1bqUuT2e3yJwX0o5abc' }] },
)

/** Schemas that the operations for administrators refer to. */
export const managedUserSchemas = [
  ManagedUser,
  UserCreation,
  CreatedUser,
  PasswordAssignment,
  AssignedPassword,
  ManagedUserPatch,
  UserRemoval,
  Invitation,
]

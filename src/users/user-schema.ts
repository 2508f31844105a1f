import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import { nullable, nullableString, singleLineText, text } from '../http/schema.js'
import { usernameSyntax } from './names/username.js'
import { grantableScopes } from './scopes.js'

/** Maximum size of a request body, in bytes. */
export const maxUserBytes = 8_192

const closed = { additionalProperties: false }
const username = Type.String({
  minLength: 3,
  maxLength: 64,
  pattern: usernameSyntax,
  description:
    'Letters and digits that Unicode recommends for identifiers, of one writing system, with `. _ -` between them.',
})
const password = (description: string) => Type.String({ minLength: 1, maxLength: 1024, description })
const newPassword = password('At least 8 characters and at most 72 bytes of UTF-8; not a common password.')
const email = Type.String({
  format: 'email',
  maxLength: 254,
  description: 'E-mail address, to be confirmed by a link that is sent to it.',
})
const fullName = singleLineText({ maxLength: 255, description: 'Display name, without control characters.' })
const linkToken = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'The part of the link after the `#`.',
})
const scopes = Type.Array(Type.Enum([...grantableScopes]), {
  uniqueItems: true,
  maxItems: grantableScopes.length,
  description: 'Scopes of the user beyond those that every user has.',
})

/** The current user: exactly the four members of the tutorial. */
export const User = Type.Object(
  {
    username: Type.String({ maxLength: 255, description: 'Name that the user logs in with.' }),
    email: nullableString({
      maxLength: 254,
      description: 'E-mail address that the user gave last, if any. It may not be confirmed.',
    }),
    full_name: nullableString({ maxLength: 255, description: 'Display name.' }),
    disabled: Type.Boolean({ description: 'Whether the user is disabled and cannot log in.' }),
  },
  {
    $id: 'User',
    examples: [{ username: 'johndoe', email: 'johndoe@example.com', full_name: 'John Doe', disabled: false }],
  },
)

/** A registration. */
export const Registration = Type.Object(
  {
    username,
    password: newPassword,
    email: Type.Optional(email),
    full_name: Type.Optional(fullName),
    invitation: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'An invitation, if the deployment requires one.',
      }),
    ),
  },
  { ...closed, $id: 'Registration', examples: [{ username: 'janedoe', password: 'correct horse' }] },
)

/** The response to a request whose outcome must not be revealed. */
export const Accepted = Type.Object(
  { detail: Type.String() },
  {
    $id: 'Accepted',
    examples: [{ detail: 'If the username is available, the account has been created: log in' }],
  },
)

/** Changes to the current user; null removes a value. */
export const UserPatch = Type.Object(
  {
    full_name: Type.Optional(nullable(fullName)),
    email: Type.Optional(nullable(email)),
    password: Type.Optional(password('The current password, required to change or remove the address.')),
  },
  { ...closed, $id: 'UserPatch', examples: [{ full_name: 'Jane Doe' }] },
)

/** A change of the password. */
export const PasswordChange = Type.Object(
  { old_password: password('The current password.'), new_password: newPassword },
  { ...closed, $id: 'PasswordChange' },
)

/** The deletion of one's own account. */
export const UserDeletion = Type.Object(
  { password: password('The current password.') },
  { ...closed, $id: 'UserDeletion' },
)

/** The deletion of a user by an administrator. */
export const UserRemoval = Type.Object(
  {
    password: Type.Optional(password("The administrator's password, required to delete their own account.")),
  },
  { ...closed, $id: 'UserRemoval' },
)

/** The confirmation of an e-mail address. */
export const EmailConfirmation = Type.Object({ token: linkToken }, { ...closed, $id: 'EmailConfirmation' })

/** A request for a link that resets a password. */
export const PasswordForgotten = Type.Object(
  { email: Type.String({ format: 'email', maxLength: 254, description: 'E-mail address of the account.' }) },
  { ...closed, $id: 'PasswordForgotten', examples: [{ email: 'johndoe@example.com' }] },
)

/** A new password, set by a link. */
export const PasswordReset = Type.Object(
  { token: linkToken, password: newPassword },
  { ...closed, $id: 'PasswordReset' },
)

/** A user as administrators see them: without the e-mail address. */
export const ManagedUser = Type.Object(
  {
    username: User.properties.username,
    full_name: User.properties.full_name,
    disabled: User.properties.disabled,
    password_change_required: Type.Boolean({
      description: 'Whether the user must change their password before anything else.',
    }),
    scopes,
    created_at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'ManagedUser',
    examples: [
      {
        username: 'johndoe',
        full_name: 'John Doe',
        disabled: false,
        password_change_required: false,
        scopes: [],
        created_at: '2026-01-01T00:00:00.000Z',
      },
    ],
  },
)

/** Changes to a user by an administrator. */
export const ManagedUserPatch = Type.Object(
  {
    disabled: Type.Optional(Type.Boolean()),
    password_change_required: Type.Optional(Type.Boolean()),
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
    state: Type.Optional(Type.Enum(['enabled', 'disabled'], { description: 'Only users in this state.' })),
  },
  { additionalProperties: true },
)

/** Path parameters that name a user. */
export const UserAddress = Type.Object({
  username: text({ maxLength: 255, description: 'Name of the user.' }),
})

/** An invitation for one person to register. */
export const Invitation = Type.Object(
  { invitation: Type.String({ description: 'Valid for one registration within 7 days.' }) },
  { $id: 'Invitation', examples: [{ invitation: 'q3mYwV0m0bXcH3mZ8lH8nD1m1bqUuT2e3yJwX0o5abc' }] },
)

/** Schemas that the operations refer to. */
export const userSchemas = [
  User,
  Registration,
  Accepted,
  UserPatch,
  PasswordChange,
  UserDeletion,
  UserRemoval,
  EmailConfirmation,
  PasswordForgotten,
  PasswordReset,
  ManagedUser,
  ManagedUserPatch,
  Invitation,
]

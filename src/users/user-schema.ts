import { Type } from 'typebox'
import { pageParameters } from '../http/page.js'
import { nullable, nullableString, singleLineText, text } from '../http/schema.js'
import { grantableScopes } from './scopes.js'
import { usernameSyntax } from './username.js'

/** The largest body of a request about users. */
export const maxUserBytes = 8_192

const username = Type.String({
  minLength: 3,
  maxLength: 64,
  pattern: usernameSyntax,
  description:
    'Letters and digits that Unicode recommends for identifiers, of one writing system, and `. _ -` between them.',
})
const password = (description: string) => Type.String({ minLength: 1, maxLength: 1024, description })
const newPassword = password('8 or more characters, at most 72 bytes of UTF-8, and no common one.')
const email = Type.String({ format: 'email', maxLength: 254, description: 'A mail with a link confirms it.' })
const fullName = singleLineText({
  maxLength: 255,
  description: 'The name to show to people, without control characters.',
})
const closed = { additionalProperties: false }

/** The current user as the world sees it: these four members and no more. */
export const User = Type.Object(
  {
    username: Type.String({ maxLength: 255, description: 'The name the user signs in with.' }),
    email: nullableString({
      maxLength: 254,
      description: 'The e-mail address that the user gave last, when there is one. It may not be confirmed.',
    }),
    full_name: nullableString({ maxLength: 255, description: 'The name to show to people.' }),
    disabled: Type.Boolean({ description: 'Whether the user is locked out.' }),
  },
  {
    $id: 'User',
    examples: [{ username: 'johndoe', email: 'johndoe@example.com', full_name: 'John Doe', disabled: false }],
  },
)

/** What somebody registers with. */
export const Registration = Type.Object(
  {
    username,
    password: newPassword,
    email: Type.Optional(email),
    full_name: Type.Optional(fullName),
    invitation: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'Where registration needs one.' }),
    ),
  },
  { ...closed, $id: 'Registration', examples: [{ username: 'janedoe', password: 'correct horse' }] },
)

/** The answer to a request whose outcome is nobody else's business. */
export const Accepted = Type.Object(
  { detail: Type.String() },
  { $id: 'Accepted', examples: [{ detail: 'If the name is free, the account is there now: log in' }] },
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
  { old_password: password('The password as it is.'), new_password: newPassword },
  { ...closed, $id: 'PasswordChange' },
)

/** What it takes to delete one's account. */
export const UserDeletion = Type.Object(
  { password: password('The password, once more.') },
  { ...closed, $id: 'UserDeletion' },
)

/** Deletes a user as an administrator, who has to give a password only for an account of their own. */
export const UserRemoval = Type.Object(
  {
    password: Type.Optional(
      password('The password of the administrator, required to delete their own account.'),
    ),
  },
  { ...closed, $id: 'UserRemoval' },
)

const linkToken = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'What follows the `#` of the link that was mailed.',
})

/** Confirms an e-mail address. */
export const EmailConfirmation = Type.Object({ token: linkToken }, { ...closed, $id: 'EmailConfirmation' })

/** Asks for a mail with which a password can be reset. */
export const PasswordForgotten = Type.Object(
  { email: Type.String({ format: 'email', maxLength: 254, description: 'The address of the account.' }) },
  { ...closed, $id: 'PasswordForgotten', examples: [{ email: 'johndoe@example.com' }] },
)

/** Sets another password by a mailed link. */
export const PasswordReset = Type.Object(
  { token: linkToken, password: newPassword },
  { ...closed, $id: 'PasswordReset' },
)

const scopes = Type.Array(Type.Enum([...grantableScopes]), {
  uniqueItems: true,
  maxItems: grantableScopes.length,
  description: 'Scopes that the user has beyond those of every user.',
})

/** A user as administrators see one: without the e-mail address. */
export const ManagedUser = Type.Object(
  {
    username: User.properties.username,
    full_name: User.properties.full_name,
    disabled: User.properties.disabled,
    password_change_required: Type.Boolean({
      description: 'Whether the user must change the password before anything else.',
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

/** What administrators change of a user. */
export const ManagedUserPatch = Type.Object(
  {
    disabled: Type.Optional(Type.Boolean()),
    password_change_required: Type.Optional(Type.Boolean()),
    scopes: Type.Optional(scopes),
  },
  { ...closed, $id: 'ManagedUserPatch', examples: [{ disabled: true }] },
)

/** How users are listed. */
export const UserQuery = Type.Object(
  {
    ...pageParameters,
    name_prefix: Type.Optional(text({ minLength: 1, maxLength: 255, description: 'How the name begins.' })),
    state: Type.Optional(Type.Enum(['enabled', 'disabled'], { description: 'Only these.' })),
  },
  { additionalProperties: true },
)

/** Names a user in a path. */
export const UserAddress = Type.Object({
  username: text({ maxLength: 255, description: 'Name of the user.' }),
})

/** What lets one person register. */
export const Invitation = Type.Object(
  { invitation: Type.String({ description: 'Good once, for 7 days.' }) },
  { $id: 'Invitation', examples: [{ invitation: 'q3mYwV0m0bXcH3mZ8lH8nD1m1bqUuT2e3yJwX0o5abc' }] },
)

/** What the routes refer to. */
export const userSchemas = [
  ...[User, Registration, Accepted, UserPatch, PasswordChange, UserDeletion, UserRemoval, EmailConfirmation],
  ...[PasswordForgotten, PasswordReset, ManagedUser, ManagedUserPatch, Invitation],
]

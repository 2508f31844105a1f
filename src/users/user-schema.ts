import { Type } from 'typebox'
import { closed, nullable, nullableString, singleLineText, textEnum } from '../http/schema.js'
import { usernameSyntax } from './names/username.js'

/** Maximum size of a request body, in bytes. */
export const maxUserBytes = 8_192

export const username = Type.String({
  minLength: 3,
  maxLength: 64,
  pattern: usernameSyntax,
  description:
    'Letters and digits that Unicode recommends for identifiers, of one writing system, with `. _ -` between them.',
})
export const password = (description: string) => Type.String({ minLength: 1, maxLength: 1024, description })
export const newPassword = password(
  'At least 8 characters and at most 72 bytes of UTF-8; not a common password.',
)
export const email = Type.String({
  format: 'email',
  maxLength: 254,
  description: 'E-mail address, to be confirmed by a link that is sent to it.',
})
export const fullName = singleLineText({
  maxLength: 255,
  description: 'Display name, without control characters.',
})
const linkToken = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'The part of the link after the `#`.',
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

/** A mailed link to check. */
export const LinkCheck = Type.Object(
  {
    token: linkToken,
    purpose: textEnum(['confirm_email', 'reset_password'], { description: 'Purpose of the link.' }),
  },
  { ...closed, $id: 'LinkCheck' },
)

/** The account that a link was mailed for. */
export const MailedLink = Type.Object(
  { username: Type.String({ description: 'Username of the account.' }) },
  { $id: 'MailedLink', examples: [{ username: 'johndoe' }] },
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

/** Schemas that the operations refer to. */
export const userSchemas = [
  User,
  Registration,
  Accepted,
  UserPatch,
  PasswordChange,
  UserDeletion,
  LinkCheck,
  MailedLink,
  EmailConfirmation,
  PasswordForgotten,
  PasswordReset,
]

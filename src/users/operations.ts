import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { mergePatchTypes } from '../http/json/parser.js'
import { nameMethod, ref, success } from '../http/schema.js'
import {
  Accepted,
  EmailConfirmation,
  LinkCheck,
  MailedLink,
  PasswordChange,
  PasswordForgotten,
  PasswordReset,
  Registration,
  User,
  UserDeletion,
  UserPatch,
} from './user-schema.js'

/** Errors that every route without authentication may respond with. */
const serverErrors = errorResponses('internal_error', 'service_unavailable')

export const registerUser = {
  operationId: 'register_user',
  summary: 'Register',
  description:
    'Creates an account. The response is the same if the username, or one that looks like it, is already taken.',
  tags: ['users'],
  body: ref(Registration),
  response: {
    202: ref(Accepted, { description: 'Accepted' }),
    ...errorResponses('registration_closed', 'invalid_invitation', 'too_many_attempts'),
    ...validationResponse('username'),
    ...serverErrors,
  },
} satisfies FastifySchema

export const checkLink = {
  operationId: 'check_link',
  summary: 'Check a mailed link',
  description: 'Returns the account that a link was mailed for, without using the link up.',
  tags: ['account'],
  body: ref(LinkCheck),
  response: {
    200: ref(MailedLink, success),
    ...errorResponses('invalid_link'),
    ...validationResponse('token'),
    ...serverErrors,
  },
} satisfies FastifySchema

export const confirmEmail = {
  operationId: 'confirm_email',
  summary: 'Confirm an e-mail address',
  description:
    'Uses up a link and confirms the address that it was sent to. The address that was confirmed before is notified.',
  tags: ['account'],
  body: ref(EmailConfirmation),
  response: {
    204: Type.Null({ description: 'Confirmed' }),
    ...errorResponses('invalid_link', 'email_taken'),
    ...validationResponse('token'),
    ...serverErrors,
  },
} satisfies FastifySchema

export const forgotPassword = {
  operationId: 'forgot_password',
  summary: 'Request a new password',
  description:
    'Sends a link to the address. The response is the same whether or not it belongs to an account.',
  tags: ['account'],
  body: ref(PasswordForgotten),
  response: {
    202: ref(Accepted, { description: 'Accepted' }),
    ...errorResponses('mail_disabled', 'too_many_attempts'),
    ...validationResponse('email'),
    ...serverErrors,
  },
} satisfies FastifySchema

export const resetPassword = {
  operationId: 'reset_password',
  summary: 'Set a new password',
  description: 'Uses up a link, sets a new password and revokes all tokens of the user.',
  tags: ['account'],
  body: ref(PasswordReset),
  response: {
    204: Type.Null({ description: 'Set' }),
    ...errorResponses('invalid_link'),
    ...validationResponse('password'),
    ...serverErrors,
  },
} satisfies FastifySchema

export const readCurrentUser = {
  operationId: 'read_users_me_users_me__get',
  ...nameMethod('read_current_user'),
  summary: 'Read Users Me',
  description: 'Returns the user that the access token was issued to.',
  tags: ['users'],
  response: { 200: ref(User, success) },
} satisfies FastifySchema

export const updateCurrentUser = {
  operationId: 'update_current_user',
  summary: 'Change the current user',
  description:
    'Changes the display name and the e-mail address by a JSON merge patch (RFC 7396). Changing or ' +
    'removing the address requires the password, and the confirmed address is notified. A new address is confirmed ' +
    'by a link that is sent to it; until then, the confirmed address stays in use. To request another link, send the ' +
    'unconfirmed address again with the password.',
  tags: ['users'],
  consumes: mergePatchTypes,
  body: ref(UserPatch),
  response: {
    200: ref(User, success),
    ...errorResponses('incorrect_password', 'mail_disabled', 'too_many_attempts'),
    ...validationResponse('password'),
  },
} satisfies FastifySchema

export const changePassword = {
  operationId: 'change_password',
  summary: 'Change the password',
  description: 'Sets a new password and revokes all tokens of the user, including the one of this request.',
  tags: ['users'],
  body: ref(PasswordChange),
  response: {
    204: Type.Null({ description: 'Changed' }),
    ...errorResponses('incorrect_password', 'too_many_attempts', 'conflict'),
    ...validationResponse('new_password'),
  },
} satisfies FastifySchema

export const deleteCurrentUser = {
  operationId: 'delete_current_user',
  summary: 'Delete the current user',
  description: 'Permanently deletes the account and all its items.',
  tags: ['users'],
  body: ref(UserDeletion),
  response: {
    204: Type.Null({ description: 'Deleted' }),
    ...errorResponses('incorrect_password', 'too_many_attempts', 'conflict', 'last_administrator'),
    ...validationResponse('password'),
  },
} satisfies FastifySchema

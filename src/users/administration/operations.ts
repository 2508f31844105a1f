import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { errorResponses, validationResponse } from '../../http/error-responses.js'
import { documentHeaders } from '../../http/header-schema.js'
import { mergePatchTypes } from '../../http/json/parser.js'
import { ref, success } from '../../http/schema.js'
import {
  AssignedPassword,
  CreatedUser,
  Invitation,
  ManagedUser,
  ManagedUserPatch,
  NewUserParams,
  PasswordAssignment,
  UserCreation,
  UserParams,
  UserQuery,
  UserRemoval,
} from './managed-user-schema.js'

// The operations of administrators.

export const listUsers = {
  operationId: 'list_users',
  summary: 'List users',
  description:
    'Lists users by username. If there are more than `limit`, the `Link` header has the next page.',
  tags: ['administration'],
  querystring: UserQuery,
  response: {
    200: Type.Array(ref(ManagedUser), { ...success, headers: documentHeaders('Link') }),
    ...validationResponse('limit', 'query'),
  },
} satisfies FastifySchema

export const readUser = {
  operationId: 'read_user',
  summary: 'Read a user',
  description: 'Returns a user as administrators see them.',
  tags: ['administration'],
  params: UserParams,
  response: {
    200: ref(ManagedUser, success),
    ...errorResponses('not_found'),
    ...validationResponse('username', 'path'),
  },
} satisfies FastifySchema

export const createUser = {
  operationId: 'create_user',
  summary: 'Create a user',
  description:
    'Creates a user with a first password, which is generated if it is omitted. The user must change it, unless ' +
    '`password_change_required` is false. An existing user is not replaced.',
  tags: ['administration'],
  params: NewUserParams,
  body: ref(UserCreation),
  response: {
    201: ref(CreatedUser, success),
    ...errorResponses('user_exists'),
    ...validationResponse('password'),
  },
} satisfies FastifySchema

export const assignPassword = {
  operationId: 'assign_password',
  summary: 'Set the password of a user',
  description:
    'Sets a password, which is generated if it is omitted, and revokes all tokens of the user. The user must change it, ' +
    'unless `password_change_required` is false. Administrators change their own password at `/users/me/password`.',
  tags: ['administration'],
  params: UserParams,
  body: ref(PasswordAssignment),
  response: {
    200: ref(AssignedPassword, success),
    ...errorResponses('own_password', 'not_found'),
    ...validationResponse('password'),
  },
} satisfies FastifySchema

export const updateUser = {
  operationId: 'update_user',
  summary: 'Change a user',
  description:
    'Disables or enables a user, requires a new password, or sets scopes, by a JSON merge patch (RFC 7396). The last ' +
    'administrator cannot be removed.',
  tags: ['administration'],
  consumes: mergePatchTypes,
  params: UserParams,
  body: ref(ManagedUserPatch),
  response: {
    200: ref(ManagedUser, success),
    ...errorResponses('not_found', 'last_administrator'),
    ...validationResponse('scopes'),
  },
} satisfies FastifySchema

export const deleteUser = {
  operationId: 'delete_user',
  summary: 'Delete a user',
  description:
    'Permanently deletes a user and all their items. Administrators who delete themselves must give their password. ' +
    'The last administrator cannot be removed.',
  tags: ['administration'],
  params: UserParams,
  body: ref(UserRemoval),
  response: {
    204: Type.Null({ description: 'Deleted' }),
    ...errorResponses(
      'incorrect_password',
      'too_many_attempts',
      'not_found',
      'conflict',
      'last_administrator',
    ),
    ...validationResponse('password'),
  },
} satisfies FastifySchema

export const createInvitation = {
  operationId: 'create_invitation',
  summary: 'Create an invitation',
  description: 'Creates an invitation for one person to register.',
  tags: ['administration'],
  response: { 201: ref(Invitation, success) },
} satisfies FastifySchema

import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { changeConditions, readConditions } from '../http/condition-schema.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { mergePatchTypes } from '../http/json/parser.js'
import { PageQuery } from '../http/page.js'
import { ref, success } from '../http/schema.js'
import { NewRole, Role, RoleParams, RolePatch, UserRoleParams } from './role-schema.js'

const tags = ['administration']

export const listRoles = {
  operationId: 'list_roles',
  summary: 'List roles',
  description: 'Lists roles by name. If there are more than `limit`, the `Link` header has the next page.',
  tags,
  querystring: PageQuery,
  response: {
    200: Type.Array(ref(Role), { ...success, headers: documentHeaders('Link') }),
    ...validationResponse('limit', 'query'),
  },
} satisfies FastifySchema

export const createRole = {
  operationId: 'create_role',
  summary: 'Create a role',
  description:
    'Creates a role: a name for scopes that are granted to users together. It cannot have `users:admin`.',
  tags,
  body: ref(NewRole),
  response: {
    201: ref(Role, { ...success, headers: documentHeaders('ETag', 'Location') }),
    ...errorResponses('role_exists'),
    ...validationResponse('name'),
  },
} satisfies FastifySchema

export const readRole = {
  operationId: 'read_role',
  summary: 'Read a role',
  description: 'Returns a role. With `If-None-Match`, the content is sent only if it has changed.',
  tags,
  params: RoleParams,
  headers: readConditions,
  response: {
    200: ref(Role, { ...success, headers: documentHeaders('ETag') }),
    304: Type.Null({ description: 'Not Modified', headers: documentHeaders('ETag') }),
    ...errorResponses('not_found', 'precondition_failed'),
    ...validationResponse('name', 'path'),
  },
} satisfies FastifySchema

export const updateRole = {
  operationId: 'update_role',
  summary: 'Change a role',
  description:
    'Changes parts of a role by a JSON merge patch (RFC 7396). A scope that is left out of `scopes` is taken from its users at once.',
  tags,
  consumes: mergePatchTypes,
  params: RoleParams,
  headers: changeConditions,
  body: ref(RolePatch),
  response: {
    200: ref(Role, { ...success, headers: documentHeaders('ETag') }),
    ...errorResponses('not_found', 'precondition_failed', 'precondition_required'),
    ...validationResponse('scopes'),
  },
} satisfies FastifySchema

export const deleteRole = {
  operationId: 'delete_role',
  summary: 'Delete a role',
  description: 'Deletes a role, and takes its scopes from its users at once.',
  tags,
  params: RoleParams,
  headers: changeConditions,
  response: {
    204: Type.Null({ description: 'Deleted' }),
    ...errorResponses('not_found', 'precondition_failed', 'precondition_required'),
    ...validationResponse('name', 'path'),
  },
} satisfies FastifySchema

export const grantRole = {
  operationId: 'grant_role',
  summary: 'Give a user a role',
  description:
    'Gives a user the scopes of a role, for tokens of later logins. A user who has it already keeps it.',
  tags,
  params: UserRoleParams,
  response: {
    204: Type.Null({ description: 'Granted' }),
    ...errorResponses('not_found'),
    ...validationResponse('role', 'path'),
  },
} satisfies FastifySchema

export const revokeRole = {
  operationId: 'revoke_role',
  summary: 'Take a role from a user',
  description: 'Takes the scopes of a role from a user at once, except those that the user has otherwise.',
  tags,
  params: UserRoleParams,
  response: {
    204: Type.Null({ description: 'Revoked' }),
    ...errorResponses('not_found'),
    ...validationResponse('role', 'path'),
  },
} satisfies FastifySchema

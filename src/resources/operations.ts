import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { changeConditions, readConditions } from '../http/condition-schema.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { mergePatchTypes } from '../http/json/parser.js'
import { PageQuery } from '../http/page.js'
import { ref, success } from '../http/schema.js'
import { NewResource, Resource, ResourceParams, ResourcePatch } from './resource-schema.js'

const tags = ['administration']

export const listResources = {
  operationId: 'list_resources',
  summary: 'List resources',
  description:
    'Lists resources by name. If there are more than `limit`, the `Link` header has the next page.',
  tags,
  querystring: PageQuery,
  response: {
    200: Type.Array(ref(Resource), { ...success, headers: documentHeaders('Link') }),
    ...validationResponse('limit', 'query'),
  },
} satisfies FastifySchema

export const createResource = {
  operationId: 'create_resource',
  summary: 'Create a resource',
  description:
    'Creates a resource: an audience with scopes of its own, for tokens that another service accepts. A scope that clients ' +
    'already have is refused, since their tokens would get another audience.',
  tags,
  body: ref(NewResource),
  response: {
    201: ref(Resource, { ...success, headers: documentHeaders('ETag', 'Location') }),
    ...errorResponses(
      'keys_not_published',
      'resource_exists',
      'audience_taken',
      'scope_taken',
      'scope_in_use',
    ),
    ...validationResponse('audience'),
  },
} satisfies FastifySchema

export const readResource = {
  operationId: 'read_resource',
  summary: 'Read a resource',
  description: 'Returns a resource. With `If-None-Match`, the content is sent only if it has changed.',
  tags,
  params: ResourceParams,
  headers: readConditions,
  response: {
    200: ref(Resource, { ...success, headers: documentHeaders('ETag') }),
    304: Type.Null({ description: 'Not Modified', headers: documentHeaders('ETag') }),
    ...errorResponses('not_found', 'precondition_failed'),
    ...validationResponse('name', 'path'),
  },
} satisfies FastifySchema

export const updateResource = {
  operationId: 'update_resource',
  summary: 'Change a resource',
  description:
    'Changes parts of a resource by a JSON merge patch (RFC 7396). A scope that is left out of `scopes` is deleted, and ' +
    'taken from all users, roles and clients. Disabling a resource, or giving it another audience, ends its tokens.',
  tags,
  consumes: mergePatchTypes,
  params: ResourceParams,
  headers: changeConditions,
  body: ref(ResourcePatch),
  response: {
    200: ref(Resource, { ...success, headers: documentHeaders('ETag') }),
    ...errorResponses(
      'keys_not_published',
      'not_found',
      'audience_taken',
      'scope_taken',
      'scope_in_use',
      'precondition_failed',
      'precondition_required',
    ),
    ...validationResponse('audience'),
  },
} satisfies FastifySchema

export const deleteResource = {
  operationId: 'delete_resource',
  summary: 'Delete a resource',
  description:
    'Deletes a resource and its scopes, which are taken from all users, roles and clients, and ends its tokens.',
  tags,
  params: ResourceParams,
  headers: changeConditions,
  response: {
    204: Type.Null({ description: 'Deleted' }),
    ...errorResponses('not_found', 'precondition_failed', 'precondition_required'),
    ...validationResponse('name', 'path'),
  },
} satisfies FastifySchema

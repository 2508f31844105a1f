import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { readConditions } from '../../http/condition-schema.js'
import { errorResponses } from '../../http/error-responses.js'
import { documentHeaders } from '../../http/header-schema.js'
import { ref, success } from '../../http/schema.js'
import { StatusListAggregation } from './status-schema.js'

// The operations of status lists as the OpenAPI document has them.

/** Media type of a status list token in JWT format (draft-ietf-oauth-status-list §8.2). */
export const statusListType = 'application/statuslist+jwt'

export const readStatusList = {
  operationId: 'status_list',
  summary: 'Status list',
  description:
    'The status of up to 1,048,576 access tokens: a signed list (Token Status List) with one bit for each, which is 1 if the token was ' +
    'revoked. A token names its list and its index in the claim `status`. A list is retired when its last token has expired.',
  tags: ['auth'],
  produces: [statusListType],
  params: Type.Object({ id: Type.String({ description: 'Id of the list, from the `uri` in a token.' }) }),
  querystring: Type.Object({
    time: Type.Optional(
      Type.String({ description: 'Not supported: the response is 501, as only the current list is kept.' }),
    ),
  }),
  headers: readConditions,
  response: {
    200: {
      description: 'A status list token: a JWT of the type `statuslist+jwt`',
      headers: documentHeaders('ETag'),
      content: { [statusListType]: { schema: Type.Unsafe<Buffer>({ type: 'string' }) } },
    },
    304: Type.Null({
      description: 'Not Modified: the copy with this entity tag is good.',
      headers: documentHeaders('ETag'),
    }),
    ...errorResponses(
      'not_found',
      'not_acceptable',
      'precondition_failed',
      'internal_error',
      'unsupported_historical_status',
      'service_unavailable',
    ),
  },
} satisfies FastifySchema

export const listStatusLists = {
  operationId: 'status_lists',
  summary: 'Status lists',
  description:
    'The URIs of all status lists (Status List Aggregation), for verifiers that load them in advance.',
  tags: ['auth'],
  response: {
    200: ref(StatusListAggregation, success),
    ...errorResponses('not_found', 'internal_error', 'service_unavailable'),
  },
} satisfies FastifySchema

import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { validationResponse } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { PageQuery } from '../http/page.js'
import { ref, success } from '../http/schema.js'
import { AuditEvent, EventQuery } from './event-schema.js'

const response = {
  200: Type.Array(ref(AuditEvent), { ...success, headers: documentHeaders('Link') }),
  ...validationResponse('limit', 'query'),
}

export const listOwnEvents = {
  operationId: 'list_own_events',
  summary: 'List the audit events of the current user',
  description: 'Lists logins, including failed ones, and changes to the account, newest first.',
  tags: ['events'],
  querystring: PageQuery,
  response,
} satisfies FastifySchema

export const listEvents = {
  operationId: 'list_events',
  summary: 'List audit events',
  description: 'Lists all events that are relevant to security, newest first.',
  tags: ['administration'],
  querystring: EventQuery,
  response,
} satisfies FastifySchema

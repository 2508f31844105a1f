import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { type Static, Type } from 'typebox'
import { decodeCursor, encodeCursor, nextLink } from '../http/cursor.js'
import { validationResponse } from '../http/error-responses.js'
import { cutPage, readLimit } from '../http/page.js'
import { ref, success } from '../http/schema.js'
import { AuditEvent, EventQuery, OwnEventQuery } from './event-schema.js'
import { type EventPage, listEvents, type StoredEvent } from './event-store.js'

/** The routes about what happened. Register them in a scope that authenticates a user. */
export const auditRoutes: FastifyPluginAsyncTypebox = async function events(app) {
  const response = { 200: Type.Array(ref(AuditEvent), success), ...validationResponse('limit', 'query') }

  app.get(
    '/users/me/events/',
    {
      config: { scope: 'me' },
      preValidation: readLimit,
      schema: {
        operationId: 'list_own_events',
        summary: 'List what happened to the current user',
        description: 'Logins, failed ones too, and changes of the account, the newest first.',
        tags: ['events'],
        querystring: OwnEventQuery,
        response,
      },
    },
    async function listOwnEvents({ currentUser, query, url }, reply) {
      const page = await readPage({ ...query, userId: currentUser.id }, url, reply)
      return page.map((event) => toOwnEvent(event, currentUser.username))
    },
  )

  app.get(
    '/events/',
    {
      config: { scope: 'users:admin' },
      preValidation: readLimit,
      schema: {
        operationId: 'list_events',
        summary: 'List what happened',
        description: 'All that matters to security, the newest first.',
        tags: ['administration'],
        querystring: EventQuery,
        response,
      },
    },
    async function listAllEvents({ query, url }, reply) {
      return (await readPage(query, url, reply)).map(toEvent)
    },
  )

  async function readPage(
    { limit, cursor, ...filter }: Omit<EventPage, 'before'> & { cursor?: string },
    url: string,
    reply: FastifyReply,
  ): Promise<StoredEvent[]> {
    const before = cursor === undefined ? undefined : decodeCursor(cursor, 'events').id
    const found = await listEvents({ ...filter, limit: limit + 1, before }, app.database)
    const { page, last } = cutPage(found, limit)
    if (last) reply.header('link', nextLink(url, encodeCursor({ sort: 'events', value: null, id: last.id })))
    return page
  }
}

function toEvent(event: StoredEvent): Static<typeof AuditEvent> {
  return {
    id: event.id,
    action: event.action,
    outcome: event.outcome as 'ok' | 'failed',
    actor: event.actor,
    subject: event.subject,
    address: event.address,
    request_id: event.requestId,
    count: event.count,
    created_at: event.createdAt.toISOString(),
    last_at: event.lastAt.toISOString(),
  }
}

/** Users see the addresses of their own actions and of failed attempts on their account, not those of administrators. */
function toOwnEvent(event: StoredEvent, username: string): Static<typeof AuditEvent> {
  const { address, actor, ...rest } = toEvent(event)
  return { ...rest, actor, address: actor === null || actor === username ? address : null }
}

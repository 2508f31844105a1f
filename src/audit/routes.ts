import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { Static } from 'typebox'
import type { Database } from '../database/client.js'
import { decodeCursor, encodeCursor, nextLink } from '../http/cursor.js'
import { cutPage, readLimit as preValidation } from '../http/page.js'
import type { AuditEvent } from './event-schema.js'
import { type EventPage, listEvents, type StoredEvent, toAuditEvent } from './event-store.js'
import * as operations from './operations.js'

/** Routes that list audit events. Register them in a scope that authenticates users. */
export const auditRoutes: FastifyPluginAsyncTypebox = async function audit(app) {
  const { database } = app

  app.get(
    '/users/me/events/',
    { config: { scope: 'me' }, preValidation, schema: operations.listOwnEvents },
    async ({ currentUser, query, url }, reply) => {
      const { limit, cursor } = query
      const events = await readPage({ limit, cursor, userId: currentUser.id }, url, reply, database)
      return events.map((event) => toOwnEvent(event, currentUser.username))
    },
  )

  app.get(
    '/events/',
    { config: { scope: 'users:admin' }, preValidation, schema: operations.listEvents },
    async ({ query, url }, reply) => {
      const { limit, cursor, action, subject } = query
      const events = await readPage({ limit, cursor, action, subject }, url, reply, database)
      return events.map(toAuditEvent)
    },
  )
}

/**
 * Returns a page of events, and sets the `Link` header if there is another one. A query cannot be passed on as it is: it may have
 * parameters that its schema does not name.
 */
async function readPage(
  { limit, cursor, ...filter }: Omit<EventPage, 'before'> & { cursor: string | undefined },
  url: string,
  reply: FastifyReply,
  database: Database,
): Promise<StoredEvent[]> {
  const before = cursor === undefined ? undefined : decodeCursor(cursor, 'events').id
  const found = await listEvents({ ...filter, limit: limit + 1, before }, database)
  const { page, last } = cutPage(found, limit)
  if (last) reply.header('link', nextLink(url, encodeCursor({ sort: 'events', value: null, id: last.id })))
  return page
}

/**
 * Returns an event as its user may see it: with the addresses of their own actions and of failed attempts on their
 * account, but not those of administrators.
 */
function toOwnEvent(event: StoredEvent, username: string): Static<typeof AuditEvent> {
  const { actor, address, ...rest } = toAuditEvent(event)
  const showsAddress = actor === null || actor === username
  return { ...rest, actor, address: showsAddress ? address : null }
}

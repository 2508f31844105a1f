import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type AuditAction, administratorOperation } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { roleSubject } from '../audit/subject.js'
import type { Config } from '../config/index.js'
import type { Transaction } from '../database/client.js'
import { within } from '../database/query.js'
import { ServiceError } from '../errors.js'
import { decodeNameCursor, encodeNameCursor, nextLink } from '../http/cursor.js'
import { isUnchanged, requirePreconditions } from '../http/etag.js'
import { readMergePatch } from '../http/json/parser.js'
import { cutPage, readLimit } from '../http/page.js'
import { changeRole, createRole, deleteRole } from './manage-roles.js'
import * as operations from './operations.js'
import { etagOf, toRole } from './role-document.js'
import { maxRoleBytes as bodyLimit } from './role-schema.js'
import { findRole, listRoles, type Role } from './role-store.js'

/** Routes about roles, for administrators. Register them in a scope that authenticates users. */
export const roleRoutes: FastifyPluginAsyncTypebox<{ config: Pick<Config, 'requireIfMatch'> }> =
  async function roleRoutes(app, { config: { requireIfMatch } }) {
    const { database } = app
    const config = { scope: 'users:admin' }
    const onePath = '/roles/:name([^/]+)'
    readMergePatch(app)

    app.get(
      '/roles/',
      { config, preValidation: readLimit, schema: operations.listRoles },
      async ({ query: { limit, cursor }, url }, reply) => {
        const after = cursor === undefined ? undefined : decodeNameCursor(cursor, 'roles')
        const { page, last } = cutPage(await listRoles({ limit: limit + 1, after }, database), limit)
        if (last) reply.header('link', nextLink(url, encodeNameCursor('roles', last.name)))
        return page.map(toRole)
      },
    )

    app.post('/roles/', { config, bodyLimit, schema: operations.createRole }, async (request, reply) => {
      const { name } = request.body
      const role = await database.$transaction(async (transaction) => {
        const created = await createRole(request.body, transaction)
        await record('role_created', name, request, transaction)
        return created
      })
      return reply
        .code(201)
        .headers({ etag: etagOf(role), location: `/roles/${name}` })
        .send(toRole(role))
    })

    app.get(onePath, { config, schema: operations.readRole }, async ({ params, headers }, reply) => {
      const role = await findRole(params.name, database)
      if (!role) throw new ServiceError('not_found')
      reply.header('etag', etagOf(role))
      if (isUnchanged(headers, etagOf(role))) return reply.code(304).send(null)
      return toRole(role)
    })

    app.patch(onePath, { config, bodyLimit, schema: operations.updateRole }, async (request, reply) => {
      const { params, body } = request
      const role = await database.$transaction(async (transaction) => {
        const changed = await changeRole(params.name, body, stateCheck(request), transaction)
        await record('role_changed', params.name, request, transaction)
        return changed
      })
      return reply.header('etag', etagOf(role)).send(toRole(role))
    })

    app.delete(onePath, { config, schema: operations.deleteRole }, async (request, reply) => {
      const { name } = request.params
      await database.$transaction(async (transaction) => {
        await deleteRole(name, stateCheck(request), transaction)
        await record('role_deleted', name, request, transaction)
      })
      return reply.code(204).send(null)
    })

    function stateCheck({ headers }: FastifyRequest) {
      return (current: Role) => requirePreconditions(headers, etagOf(current), requireIfMatch)
    }
  }

async function record(
  action: AuditAction,
  name: string,
  request: FastifyRequest,
  transaction: Transaction,
): Promise<void> {
  await recordEvent(
    administratorOperation(action, roleSubject(name), request.currentUser, request),
    within(transaction),
  )
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type AuditAction, administratorEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { within } from '../database/query.js'
import { grantRole, revokeRole } from './manage-roles.js'
import * as operations from './operations.js'

/** Routes that grant roles to users, for administrators. Register them in a scope that authenticates users. */
export const userRoleRoutes: FastifyPluginAsyncTypebox = async function userRoleRoutes(app) {
  const config = { scope: 'users:admin' }
  const path = '/users/:username([^/]+)/roles/:role([^/]+)'

  app.put(path, { config, schema: operations.grantRole }, async (request, reply) => {
    await setRole(grantRole, 'role_granted', request.params, request)
    return reply.code(204).send(null)
  })

  app.delete(path, { config, schema: operations.revokeRole }, async (request, reply) => {
    await setRole(revokeRole, 'role_revoked', request.params, request)
    return reply.code(204).send(null)
  })

  async function setRole(
    set: typeof grantRole,
    action: AuditAction,
    { username, role }: { username: string; role: string },
    request: FastifyRequest,
  ): Promise<void> {
    await app.database.$transaction(async (transaction) => {
      const user = await set(username, role, transaction)
      if (user.hasChanged)
        await recordEvent(administratorEvent(action, user, request.currentUser, request), within(transaction))
    })
  }
}

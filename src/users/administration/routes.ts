import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Config } from '../../config/index.js'
import { nextLink } from '../../http/cursor.js'
import { readMergePatch } from '../../http/json/parser.js'
import { readLimit } from '../../http/page.js'
import { maxUserBytes as bodyLimit } from '../user-schema.js'
import { assignPassword } from './assign-password.js'
import { createManagedUser } from './create-managed-user.js'
import { deleteManagedUser } from './delete-managed-user.js'
import { changeManagedUser, inviteUser, listManagedUsers, readManagedUser } from './manage-users.js'
import * as operations from './operations.js'

/** Routes for administrators of users. Register them in a scope that authenticates users. */
export const administrationRoutes: FastifyPluginAsyncTypebox<Pick<Config, 'issuer'>> =
  async function administration(app, { issuer }) {
    const { database } = app
    const config = { scope: 'users:admin', yieldsToFixedPaths: true }
    const onePath = '/users/:username([^/]+)/'
    readMergePatch(app)

    app.get(
      '/users/',
      { config, preValidation: readLimit, schema: operations.listUsers },
      async ({ query, url }, reply) => {
        const { users, nextCursor } = await listManagedUsers(query, database)
        if (nextCursor) reply.header('link', nextLink(url, nextCursor))
        return users
      },
    )

    app.get(onePath, { config, schema: operations.readUser }, async ({ params }) =>
      readManagedUser(params.username, database),
    )

    app.put(
      onePath,
      { config: { ...config, isBodyOptional: true }, bodyLimit, schema: operations.createUser },
      async (request, reply) => {
        const { params, body } = request
        return reply.code(201).send(await createManagedUser(app, request, params.username, body, issuer))
      },
    )

    app.put(
      `${onePath}password`,
      { config: { ...config, isBodyOptional: true }, bodyLimit, schema: operations.assignPassword },
      async (request) => assignPassword(app, request, request.params.username, request.body),
    )

    app.patch(onePath, { config, bodyLimit, schema: operations.updateUser }, async (request) =>
      changeManagedUser(request.params.username, request.body, request, database),
    )

    app.delete(
      onePath,
      { config: { ...config, isBodyOptional: true }, bodyLimit, schema: operations.deleteUser },
      async (request, reply) => {
        await deleteManagedUser(app, request, request.params.username, request.body.password)
        return reply.code(204).send(null)
      },
    )

    app.post(
      '/invitations/',
      { config, bodyLimit, schema: operations.createInvitation },
      async (request, reply) => reply.code(201).send({ invitation: await inviteUser(request, database) }),
    )
  }

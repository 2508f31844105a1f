import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/index.js'
import { nextLink } from '../http/cursor.js'
import { readLimit } from '../http/page.js'
import { changeProfile, toUser } from './change-profile.js'
import { confirmEmail } from './confirm-email.js'
import { deleteAsAdministrator, deleteOwnAccount } from './delete-user.js'
import { forgotPassword } from './forgot-password.js'
import { changeManagedUser, inviteUser, listManagedUsers, readManagedUser } from './manage-users.js'
import * as operations from './operations.js'
import { confirmEmailPage, resetPasswordPage, sendPage } from './pages.js'
import { type RegistrationSettings, registerUser } from './register-user.js'
import { changePassword, resetPassword } from './set-password.js'
import { maxUserBytes as bodyLimit } from './user-schema.js'

/** Routes for callers without an account, and those that mailed links lead to. They need no authentication. */
export const accountRoutes: FastifyPluginAsyncTypebox<RegistrationSettings> = async function account(
  app,
  settings,
) {
  const { issuer } = settings

  app.post('/users/', { bodyLimit, schema: operations.registerUser }, async (request, reply) =>
    reply.code(202).send(await registerUser(app, request, request.body, settings)),
  )

  app.get('/account/confirm-email', { schema: operations.showPage }, async (_request, reply) =>
    sendPage(reply, confirmEmailPage),
  )

  app.post(
    '/account/confirm-email',
    { bodyLimit, schema: operations.confirmEmail },
    async (request, reply) => {
      await confirmEmail(app, request, request.body.token)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/account/forgot-password',
    { onRequest: async () => app.requireMail(), bodyLimit, schema: operations.forgotPassword },
    async (request, reply) =>
      reply.code(202).send(await forgotPassword(app, request, request.body.email, issuer)),
  )

  app.get('/account/reset-password', { schema: operations.showPage }, async (_request, reply) =>
    sendPage(reply, resetPasswordPage),
  )

  app.post(
    '/account/reset-password',
    { bodyLimit, schema: operations.resetPassword },
    async (request, reply) => {
      await resetPassword(app, request, request.body)
      return reply.code(204).send(null)
    },
  )
}

/** Routes about the current user. Register them in a scope that authenticates users. */
export const userRoutes: FastifyPluginAsyncTypebox<Pick<Config, 'issuer'>> = async function users(
  app,
  { issuer },
) {
  const config = { scope: 'me' }

  app.get('/users/me/', { config, schema: operations.readCurrentUser }, async ({ currentUser }) =>
    toUser(currentUser),
  )

  app.patch('/users/me/', { config, bodyLimit, schema: operations.updateCurrentUser }, async (request) =>
    changeProfile(app, request, request.body, issuer),
  )

  app.put(
    '/users/me/password',
    { config: { scope: 'account:password' }, bodyLimit, schema: operations.changePassword },
    async (request, reply) => {
      await changePassword(app, request, request.body)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/users/me/',
    { config, bodyLimit, schema: operations.deleteCurrentUser },
    async (request, reply) => {
      await deleteOwnAccount(app, request, request.body.password)
      return reply.code(204).send(null)
    },
  )
}

/** Routes for administrators of users. Register them in a scope that authenticates users. */
export const administrationRoutes: FastifyPluginAsyncTypebox = async function administration(app) {
  const { database } = app
  const config = { scope: 'users:admin' }
  const onePath = '/users/:username([^/]+)/'

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

  app.patch(onePath, { config, bodyLimit, schema: operations.updateUser }, async (request) =>
    changeManagedUser(request.params.username, request.body, request, database),
  )

  app.delete(
    onePath,
    { config, bodyLimit, preValidation: allowNoBody, schema: operations.deleteUser },
    async (request, reply) => {
      await deleteAsAdministrator(app, request, request.params.username, request.body.password)
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/invitations/',
    { config, bodyLimit, schema: operations.createInvitation },
    async (request, reply) => reply.code(201).send({ invitation: await inviteUser(request, database) }),
  )
}

/** Replaces a missing body by an empty object. */
async function allowNoBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

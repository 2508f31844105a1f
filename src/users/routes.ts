import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Config } from '../config/index.js'
import { readMergePatch } from '../http/json/parser.js'
import { changeProfile, toUser } from './change-profile.js'
import { checkLink } from './check-link.js'
import { confirmEmail } from './confirm-email.js'
import { deleteOwnAccount } from './delete-account.js'
import { forgotPassword } from './forgot-password.js'
import * as operations from './operations.js'
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

  app.post(
    '/account/check-link',
    { config: { mutates: false }, bodyLimit, schema: operations.checkLink },
    async ({ body }) => checkLink(body, app.database),
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
  readMergePatch(app)

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

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ref, success } from '../schema.js'
import { User } from './schema.js'

/** The routes about users. Register them in a scope that authenticates: they serve `request.currentUser`. */
export const users: FastifyPluginAsyncTypebox = async function users(app) {
  app.addSchema(User)

  app.get(
    '/users/me/',
    {
      config: { scope: 'me' },
      schema: {
        operationId: 'read_users_me_users_me__get',
        summary: 'Read Users Me',
        description: 'The user that the access token was issued to.',
        tags: ['users'],
        response: { 200: ref(User, success) },
      },
    },
    async function readCurrentUser({ currentUser }) {
      const { username, email, fullName, disabled } = currentUser
      return { username, email, full_name: fullName, disabled }
    },
  )
}

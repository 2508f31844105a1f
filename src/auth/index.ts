import jwt from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.js'
import { authenticate } from './authenticate.js'
import { readForms } from './form.js'
import { loadSigningSecret } from './store.js'
import { token } from './token.js'

export { requireUser } from './authenticate.js'

/** Everything about signing in: the tokens, `app.authenticate` for the scopes that need a caller, the OAuth endpoints. */
export async function registerAuth(app: FastifyInstance, config: Config): Promise<void> {
  await app.register(jwt, {
    secret: config.jwtSecret ?? (await loadSigningSecret(app.database)),
    sign: { algorithm: 'HS256', noTimestamp: true },
    verify: { algorithms: ['HS256'], complete: true },
  })
  app.decorate('authenticate', authenticate)
  app.decorateRequest('currentUser')

  await app.register(async function oauthEndpoints(scope) {
    await readForms(scope)
    await scope.register(token, { config })
  })
}

import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { version } from '../manifest.js'

/** The parts of the OpenAPI document that do not come from routes. */
export const documentOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey',
      version,
      description:
        'Signs users in with OAuth 2.0, issues JWT access tokens, and serves users their profile and their items.',
    },
    tags: [
      { name: 'auth', description: 'Signing in' },
      { name: 'users', description: 'The current user' },
      { name: 'items', description: "The current user's items" },
      { name: 'operations', description: 'Probes for operators of the service' },
    ],
    components: {
      securitySchemes: {
        OAuth2PasswordBearer: { type: 'oauth2', flows: { password: { scopes: {}, tokenUrl: 'token' } } },
      },
    },
  },
  refResolver: { buildLocalReference: (json) => String(json.$id) },
}

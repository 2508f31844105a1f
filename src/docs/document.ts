import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { version } from '../manifest.js'
import { documentOperation, requireBodies } from './operation.js'

/** Purpose of the service, in one sentence. */
export const summary =
  'Signs users in with OAuth 2.0, issues JWT access tokens, and serves users their profile and their items.'

const description = `${summary}

To try operations on \`/docs\`, press **Authorize** and log in with a username and a password. The login is kept in the browser
until **Logout** is pressed.

A token permits what its scopes say, and each operation names the scope that it requires. A login that asks for no scope gets
\`me items:read items:write\`. Administrators ask for their scopes, \`users:admin\` and \`items:admin\`, by name. To make
\`johndoe\` an administrator, run \`latchkey users set-scopes johndoe --add users:admin --add items:admin\`: in a checkout as
\`npx --no -- latchkey …\`, with Docker Compose as \`docker compose exec latchkey latchkey …\`.
`

/**
 * Meaning of each scope that users choose from. `account:password` is not among them: `me` includes it, and a user who
 * must change the password gets it without choosing.
 */
const scopes = {
  me: "Read and change one's own profile, set a new password",
  'items:read': 'Read items',
  'items:write': 'Create, change and delete items',
  'users:admin': 'For administrators: manage users, resources, roles, invitations and security events',
  'items:admin': 'For administrators: read and change the items of all users',
}

/** The parts of the OpenAPI document that do not come from routes. */
export const documentOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey',
      version,
      description,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    tags: [
      { name: 'auth', description: 'Tokens: logging in, refreshing, revoking, introspecting, verifying' },
      { name: 'users', description: 'Registration, and the profile of the current user' },
      {
        name: 'account',
        description: 'Operations behind mailed links: confirming an address, setting a new password',
      },
      {
        name: 'items',
        description:
          'Items of the current user and, below `/users/{username}`, of any user for clients and administrators',
      },
      { name: 'events', description: 'Security events of the current user' },
      {
        name: 'administration',
        description:
          'Users, resources, roles, invitations and security events, for administrators: see the scope `users:admin`',
      },
      { name: 'operations', description: 'The landing page, and the probes for operators' },
    ],
    components: {
      securitySchemes: {
        // Swagger UI shows them in this order, so the login of users comes first.
        OAuth2PasswordBearer: {
          type: 'oauth2',
          description:
            'Enter a username and a password. Client credentials are only for confidential clients. Without scopes, the ' +
            'token gets `me items:read items:write`.',
          flows: { password: { scopes, tokenUrl: 'token' } },
        },
        OAuth2ClientCredentials: {
          type: 'oauth2',
          description: 'For services: enter the id and the secret of a confidential client.',
          flows: {
            clientCredentials: {
              scopes: { 'items:read': scopes['items:read'], 'items:write': scopes['items:write'] },
              tokenUrl: 'token',
            },
          },
        },
        ClientBasic: {
          type: 'http',
          scheme: 'basic',
          description:
            'The id and the secret of a client, for `/token`, `/revoke` and `/introspect`. They can be parameters of the ' +
            'form instead.',
        },
      },
    },
  },
  transform: documentOperation,
  transformObject: requireBodies,
  refResolver: { buildLocalReference: (json) => String(json.$id) },
}

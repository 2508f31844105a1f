import fastify, { type FastifyInstance } from 'fastify'
import { AuditEvent } from './audit/event-schema.js'
import { auditRoutes } from './audit/routes.js'
import { auth, authSchemas, requireOwner, requireUser } from './auth/index.js'
import { macKey } from './auth/keys/mac.js'
import { maxFormBytes } from './auth/token-schema.js'
import type { Config } from './config/index.js'
import { changeFeed } from './database/changes/index.js'
import type { Database } from './database/client.js'
import { databasePlugin } from './database/plugin.js'
import { retention } from './database/retention.js'
import { docs } from './docs/index.js'
import { emailPlugin } from './email/index.js'
import { awaitInvalidation, markMutatingRoutes } from './http/await-invalidation.js'
import { batchedResponses } from './http/batch-responses.js'
import { connectionDraining } from './http/connection-draining.js'
import { errorHandling } from './http/error-handler.js'
import { fastifyOptions } from './http/fastify-options.js'
import { responseHeaders } from './http/headers.js'
import { Health, healthRoutes } from './http/health.js'
import { jsonBodies } from './http/json/parser.js'
import { noContent, typesWithoutContent } from './http/no-content.js'
import { fallbacks } from './http/not-found.js'
import { requestLog } from './http/request-log.js'
import { clientAddress } from './http/server/client-address.js'
import { stalledClients } from './http/server/stalled-clients.js'
import { timeLimit } from './http/time-limit.js'
import { unreadableRequests } from './http/unreadable-requests.js'
import { itemSchemas } from './items/item-schema.js'
import { itemRoutes } from './items/routes.js'
import { createTransferSlots } from './items/transfer-slots.js'
import { background } from './lifecycle/background.js'
import { passwords } from './passwords/index.js'
import { nameClaims } from './users/names/claim-names.js'
import { accountRoutes, administrationRoutes, userRoutes } from './users/routes.js'
import { userSchemas } from './users/user-schema.js'

/**
 * Builds the whole service, in the order of registration. It does not listen yet; closing it closes the database.
 *
 * Plugins name those that must come before them, so that a wrong order fails at the start. Hooks run in the order in
 * which they are registered here, and what runs beside requests is closed in the reverse order.
 */
export async function buildApp(config: Config, database: Database): Promise<FastifyInstance> {
  const { issuer, registration, mail, mailFrom, smtpUrl, dataDirectory } = config
  const { limits } = database
  const app = fastify(fastifyOptions({ ...config, ...limits, bodyLimit: maxFormBytes }))
  await app.register(databasePlugin, { database })
  await app.register(changeFeed)

  // Connections.
  app.server.maxConnections = config.maxConnections
  await app.register(stalledClients)
  await app.register(clientAddress)

  // Requests.
  await app.register(requestLog)
  await app.register(responseHeaders, { origins: config.corsOrigins })
  await app.register(typesWithoutContent)
  await app.register(fallbacks)
  await app.register(unreadableRequests)
  await app.register(jsonBodies)
  await app.register(timeLimit, { limitMs: limits.requestMs })

  // Responses.
  await app.register(errorHandling)
  await app.register(awaitInvalidation)
  await app.register(batchedResponses)
  await app.register(connectionDraining)
  await app.register(noContent)

  // All schemas, because a scope that adds its own gets its own compilers, which slows the start.
  for (const schema of [...authSchemas, ...userSchemas, ...itemSchemas, AuditEvent, Health])
    app.addSchema(schema)
  await app.register(docs)
  await app.register(healthRoutes)

  // What routes need, and what runs beside them.
  await app.register(macKey, { config })
  await app.register(passwords, { config })
  await app.register(auth, { config })
  await app.register(nameClaims)
  await app.register(emailPlugin, { mail, mailFrom, smtpUrl, dataDirectory })
  await app.register(background)
  await app.register(retention, { eventRetentionSeconds: config.eventRetentionSeconds })

  await app.register(async function openRoutes(scope) {
    markMutatingRoutes(scope)
    await scope.register(accountRoutes, { registration, issuer })
  })
  const slots = createTransferSlots()
  await app.register(async function protectedRoutes(scope) {
    requireUser(scope)
    await scope.register(async function changingRoutes(changing) {
      markMutatingRoutes(changing)
      await changing.register(userRoutes, { issuer })
      await changing.register(administrationRoutes)
    })
    await scope.register(auditRoutes)
    await scope.register(itemRoutes, { path: '/users/me/items/', config, slots })
  })
  await app.register(async function ownersRoutes(scope) {
    requireOwner(scope)
    await scope.register(itemRoutes, { path: '/users/:username/items/', config, slots })
  })
  return app
}

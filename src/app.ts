import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import fastify, { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify'
import { AuditEvent } from './audit/event-schema.js'
import { auditRoutes } from './audit/routes.js'
import { auth, authSchemas, requireOwner, requireUser } from './auth/index.js'
import { macKey } from './auth/keys/mac.js'
import { maxFormBytes } from './auth/token-schema.js'
import type { Config } from './config/index.js'
import { changeFeed } from './database/changes/index.js'
import type { Database } from './database/client.js'
import type { Limits } from './database/limits.js'
import { databasePlugin } from './database/plugin.js'
import { retention } from './database/retention.js'
import { docs } from './docs/index.js'
import { emailPlugin } from './email/index.js'
import { awaitInvalidation, markMutatingRoutes } from './http/await-invalidation.js'
import { batchedResponses } from './http/batch-responses.js'
import { connectionDraining } from './http/connection-draining.js'
import { errorHandling, handleError } from './http/error-handler.js'
import { responseHeaders, safeHeaders } from './http/headers.js'
import { Health, healthRoutes } from './http/health.js'
import { jsonBodies } from './http/json/parser.js'
import { noContent, typesWithoutContent } from './http/no-content.js'
import { fallbacks } from './http/not-found.js'
import { createRequestLogger, loggerOptions, requestLog } from './http/request-log.js'
import { readTarget } from './http/request-target.js'
import { textFormats } from './http/schema.js'
import { shareSerializers } from './http/serializers.js'
import { clientAddress, trustNetworks } from './http/server/client-address.js'
import { orderedServerOptions } from './http/server/server-options.js'
import { stalledClients } from './http/server/stalled-clients.js'
import { timeLimit } from './http/time-limit.js'
import { unreadableRequests } from './http/unreadable-requests.js'
import { boundValidators } from './http/validators.js'
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
  const app = fastify(serverOptions(config, database.limits))
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
  await app.register(timeLimit, { limitMs: database.limits.requestMs })

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
  // After the mails, which its tasks send until it is closed.
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

function serverOptions(config: Config, { socketMs, receiveMs }: Limits): FastifyHttpOptions<Server> {
  return {
    logger: loggerOptions(config),
    // See request-log.ts.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    childLoggerFactory: createRequestLogger,
    bodyLimit: maxFormBytes,
    // Without trusted proxies Fastify need not look for them at each request.
    trustProxy: config.trustProxy.length > 0 && trustNetworks(config.trustProxy),
    // Bounds for a peer that neither sends nor reads, one that sends slowly, and an idle one (milliseconds).
    connectionTimeout: socketMs,
    requestTimeout: receiveMs,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    // A request that has reached us is answered, also while the service ends.
    return503OnClosing: false,
    rewriteUrl: ({ url = '' }) => readTarget(url),
    // What the router refuses by itself passes through no hook.
    frameworkErrors: (error, request, reply) => handleError(error, request, reply.headers(safeHeaders)),
    schemaController: {
      compilersFactory: { buildSerializer: shareSerializers(), buildValidator: boundValidators() },
    },
    ...orderedServerOptions(),
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        formats: textFormats,
      },
    },
    routerOptions: { maxParamLength: 1024 },
  }
}

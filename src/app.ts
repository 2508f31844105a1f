import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import fastify, { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify'
import { AuditEvent } from './audit/event-schema.js'
import { auditRoutes } from './audit/routes.js'
import { authSchemas, registerAuth, requireOwner, requireUser } from './auth/index.js'
import { maxFormBytes } from './auth/token-schema.js'
import type { Config } from './config/index.js'
import { awaitInvalidation, markMutatingRoutes, registerChangeFeed } from './database/changes/index.js'
import type { Database } from './database/client.js'
import type { Limits } from './database/limits.js'
import { removeExpired } from './database/retention.js'
import { registerDocs } from './docs/index.js'
import { registerMail } from './email/index.js'
import { batchResponses } from './http/batch-responses.js'
import { registerClientAddress, trustNetworks } from './http/client-address.js'
import { handleError } from './http/error-handler.js'
import { registerHeaders, safeHeaders } from './http/headers.js'
import { Health, healthRoutes } from './http/health.js'
import { readJson } from './http/json-parser.js'
import { ignoreTypesWithoutContent, sendNoContent } from './http/no-content.js'
import { registerFallbacks } from './http/not-found.js'
import { loggerOptions, logRequests, makeRequestLogger } from './http/request-log.js'
import { readTarget } from './http/request-target.js'
import { textFormats } from './http/schema.js'
import { shareSerializers } from './http/serializers.js'
import { orderedServerOptions } from './http/server-options.js'
import { destroyStalledConnections } from './http/stalled-clients.js'
import { limitChangingRequests } from './http/time-limit.js'
import { refuseUnreadable } from './http/unreadable-requests.js'
import { boundValidators } from './http/validators.js'
import { itemSchemas } from './items/item-schema.js'
import { itemRoutes } from './items/routes.js'
import { createTransferSlots } from './items/transfer-slots.js'
import { registerBackground } from './lifecycle/background.js'
import { registerDraining } from './lifecycle/drain.js'
import { runPeriodically } from './lifecycle/periodic.js'
import { accountRoutes } from './users/account.js'
import { administrationRoutes } from './users/administration.js'
import { registerNameClaims } from './users/claim-names.js'
import { userRoutes } from './users/current-user.js'
import { registrationRoutes } from './users/registration.js'
import { userSchemas } from './users/user-schema.js'

const cleanupIntervalMs = 60_000

/** The whole service, in the order of registration. It does not listen yet; closing it closes the database. */
export async function buildApp(config: Config, database: Database): Promise<FastifyInstance> {
  const app = fastify(serverOptions(config, database.limits))
  app.decorate('database', database)
  app.addHook('onClose', () => database.$disconnect())
  logReplica(app, database)

  // Connections.
  app.server.maxConnections = config.maxConnections
  destroyStalledConnections(app)
  registerClientAddress(app)

  // What happens to each request, in this order.
  logRequests(app)
  await registerHeaders(app, config.corsOrigins)
  ignoreTypesWithoutContent(app)
  // After CORS, whose route for all paths would count as a route for any of them.
  registerFallbacks(app)
  refuseUnreadable(app)
  app.removeContentTypeParser('application/json')
  readJson(app, 'application/json')
  limitChangingRequests(app, database.limits.requestMs)

  // What happens to each answer, in this order.
  app.decorateRequest('isOAuthRequest', false)
  app.setErrorHandler(handleError)
  awaitInvalidation(app)
  batchResponses(app)
  // After what makes answers wait: whether to let go of a connection is decided at the last moment.
  registerDraining(app)
  sendNoContent(app)

  // All schemas, as a scope that adds some of its own gets compilers of its own, which makes the start slower.
  for (const schema of [...authSchemas, ...userSchemas, ...itemSchemas, AuditEvent, Health])
    app.addSchema(schema)
  await registerDocs(app)
  await app.register(healthRoutes)

  // What routes need, and what runs beside them. It is closed in the reverse order.
  registerChangeFeed(app)
  await registerAuth(app, config)
  registerNameClaims(app)
  registerMail(app, config)
  // After the mails, which its tasks send until it is closed.
  registerBackground(app)
  runPeriodically(app, 'removing what has expired', cleanupIntervalMs, () => removeExpired(database, config))

  await app.register(async function openRoutes(scope) {
    markMutatingRoutes(scope)
    for (const open of [registrationRoutes, accountRoutes]) await scope.register(open, { config })
  })
  const slots = createTransferSlots()
  await app.register(async function protectedRoutes(scope) {
    requireUser(scope)
    await scope.register(async function changingRoutes(changing) {
      markMutatingRoutes(changing)
      await changing.register(userRoutes, { config })
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

function logReplica({ log }: FastifyInstance, { replica }: Database): void {
  replica?.onChange(function logState(problem) {
    if (problem) log.warn({ problem }, 'the replica is not read from')
    else log.info('the replica is read from again')
  })
}

function serverOptions(config: Config, { socketMs, receiveMs }: Limits): FastifyHttpOptions<Server> {
  return {
    logger: loggerOptions(config),
    // See logRequests.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    childLoggerFactory: makeRequestLogger,
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

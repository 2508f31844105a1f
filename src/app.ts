import fastify, { type FastifyInstance } from 'fastify'
import { AuditEvent } from './audit/event-schema.js'
import { auditRoutes } from './audit/routes.js'
import { auth, authSchemas, requireOwner, requireUser } from './auth/index.js'
import { macKey } from './auth/keys/mac.js'
import { maxFormBytes } from './auth/token-schema.js'
import type { Config } from './config/index.js'
import { changeFeed } from './database/changes/index.js'
import type { Database } from './database/client.js'
import { databaseMetrics } from './database/database-metrics.js'
import { departures } from './database/departures.js'
import { databasePlugin } from './database/plugin.js'
import { type DatabaseServer, externalServer } from './database/provision.js'
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
import { formatOf } from './http/log/options.js'
import { requestLog } from './http/log/request-log.js'
import { noContent, typesWithoutContent } from './http/no-content.js'
import { fallbacks } from './http/not-found.js'
import { requestMetrics } from './http/request-metrics.js'
import { requestTracing } from './http/request-tracing.js'
import { clientAddress } from './http/server/client-address.js'
import { stalledClients } from './http/server/stalled-clients.js'
import { timeLimit } from './http/time-limit.js'
import { unreadableRequests } from './http/unreadable-requests.js'
import { departedOwners } from './items/departed-owners.js'
import { itemSchemas } from './items/item-schema.js'
import { itemRoutes } from './items/routes.js'
import { createTransferSlots } from './items/transfer-slots.js'
import { background } from './lifecycle/background.js'
import { version } from './manifest.js'
import { createMetrics, metricsPlugin } from './metrics/index.js'
import { processMetrics } from './metrics/process.js'
import { webhooks } from './outbox/webhooks/index.js'
import { webhookMetrics } from './outbox/webhooks/webhook-metrics.js'
import { pageSchemas, pages } from './pages/index.js'
import { missingPage } from './pages/missing-page.js'
import { passwords } from './passwords/index.js'
import { resourceSchemas } from './resources/resource-schema.js'
import { resourceRoutes } from './resources/routes.js'
import { roleSchemas } from './roles/role-schema.js'
import { roleRoutes } from './roles/routes.js'
import { userRoleRoutes } from './roles/user-role-routes.js'
import { managedUserSchemas } from './users/administration/managed-user-schema.js'
import { administrationRoutes } from './users/administration/routes.js'
import { nameClaims } from './users/names/claim-names.js'
import { accountRoutes, userRoutes } from './users/routes.js'
import { userSchemas } from './users/user-schema.js'

/** Parts of the process that the service uses. */
interface ProcessParts {
  server: Pick<DatabaseServer, 'isIntact'>
  /** Shows a text to the developer, outside of the log. */
  print(text: string): void
}

/**
 * Builds the whole service, which does not listen yet. Closing it closes the database.
 *
 * Each plugin names the plugins that must be registered before it, so that a wrong order fails at the start. Hooks run in
 * the order of registration. On close, tasks that run in the background are closed in the reverse order.
 */
export async function buildApp(
  config: Config,
  database: Database,
  { server = externalServer, print = () => {} }: Partial<ProcessParts> = {},
): Promise<FastifyInstance> {
  const metrics = createMetrics()
  const app = fastify(fastifyOptions({ ...config, ...database.limits, bodyLimit: maxFormBytes }, metrics))
  await app.register(metricsPlugin, { metrics })
  await app.register(databasePlugin, { database })
  if (config.metricsPort !== undefined) await registerMetrics(app)
  await app.register(changeFeed)
  await registerConnections(app, config)
  await registerRequestHandling(app, config)
  await registerResponseHandling(app)
  addSchemas(app)
  await app.register(docs, { isServed: config.documentation })
  await app.register(healthRoutes, server)
  await registerServices(app, config, print)
  await registerRoutes(app, config)
  return app
}

/** Registers measurements that cost time in every request, or statements: only where metrics are served. */
async function registerMetrics(app: FastifyInstance): Promise<void> {
  await app.register(processMetrics, { version })
  await app.register(databaseMetrics)
  await app.register(requestMetrics)
  await app.register(webhookMetrics)
}

async function registerConnections(app: FastifyInstance, { maxConnections }: Config): Promise<void> {
  app.server.maxConnections = maxConnections
  await app.register(stalledClients)
  await app.register(clientAddress)
}

async function registerRequestHandling(app: FastifyInstance, config: Config): Promise<void> {
  await app.register(requestTracing, { isOn: config.tracing !== null })
  await app.register(requestLog, { format: formatOf(config) })
  await app.register(responseHeaders, { origins: config.corsOrigins })
  await app.register(typesWithoutContent)
  await app.register(fallbacks)
  await app.register(unreadableRequests)
  await app.register(jsonBodies)
  await app.register(timeLimit, { limitMs: app.database.limits.requestMs })
}

async function registerResponseHandling(app: FastifyInstance): Promise<void> {
  await app.register(errorHandling)
  await app.register(missingPage)
  await app.register(awaitInvalidation)
  await app.register(batchedResponses)
  await app.register(connectionDraining)
  await app.register(noContent)
}

/** Adds all schemas to the root scope: a scope that adds schemas gets compilers of its own, which slows the start. */
function addSchemas(app: FastifyInstance): void {
  for (const schema of [
    ...authSchemas,
    ...userSchemas,
    ...managedUserSchemas,
    ...resourceSchemas,
    ...roleSchemas,
    ...itemSchemas,
    ...pageSchemas,
    AuditEvent,
    Health,
  ])
    app.addSchema(schema)
}

/** Registers the services that routes use, the OAuth endpoints, and the background tasks. */
async function registerServices(
  app: FastifyInstance,
  config: Config,
  print: ProcessParts['print'],
): Promise<void> {
  const { mail, mailFrom, smtpUrl, dataDirectory, eventRetentionSeconds } = config
  await app.register(macKey, { config })
  await app.register(passwords, { config })
  await app.register(auth, { config })
  await app.register(nameClaims)
  await app.register(emailPlugin, { mail, mailFrom, smtpUrl, dataDirectory, print })
  await app.register(background)
  await app.register(retention, { eventRetentionSeconds })
  await app.register(departedOwners)
  await app.register(departures)
  await app.register(webhooks, { config })
}

/** Registers the routes. Each scope has one guard, which no route in it can miss. */
async function registerRoutes(app: FastifyInstance, config: Config): Promise<void> {
  const { issuer, production, registration } = config
  await app.register(pages, { issuer, production })
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
      await changing.register(administrationRoutes, { issuer })
      await changing.register(resourceRoutes, { config })
      await changing.register(roleRoutes, { config })
      await changing.register(userRoleRoutes)
    })
    await scope.register(auditRoutes)
    await scope.register(itemRoutes, { path: '/users/me/items/', config, slots })
  })
  await app.register(async function ownersRoutes(scope) {
    requireOwner(scope)
    await scope.register(itemRoutes, { path: '/users/:username/items/', config, slots })
  })
}

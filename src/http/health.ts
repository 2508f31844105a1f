import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { isMigrated } from '../database/migration-history.js'
import { Unavailable } from '../errors.js'
import { reasonOf } from '../lifecycle/reason.js'
import { errorResponses } from './error-responses.js'
import { ref, success, textEnum } from './schema.js'

/** The body of both responses. */
export const Health = Type.Object(
  {
    status: textEnum(['ok', 'degraded'], {
      description:
        'degraded, only from /readyz: a server of the database cluster is down, so requests of some users fail',
    }),
  },
  { $id: 'Health', examples: [{ status: 'ok' }] },
)

const livez = {
  operationId: 'livez',
  summary: 'Liveness',
  description: 'Responds as long as the process runs.',
  tags: ['operations'],
  response: { 200: ref(Health, success), ...errorResponses('internal_error') },
} satisfies FastifySchema

const readyz = {
  operationId: 'readyz',
  summary: 'Readiness',
  description:
    'Responds with 200 if the database is reachable and has every migration that this version needs, the process can ' +
    'open files and connections, and the service is not shutting down. The status is degraded, and the service still ready, ' +
    'for a minute after a request failed because a server of the database cluster is down.',
  tags: ['operations'],
  response: { 200: ref(Health, success), ...errorResponses('internal_error', 'service_unavailable') },
} satisfies FastifySchema

/** Configuration of both routes. */
const config = { isProbe: true }

/** Minimum time between two log lines with the same reason why the service is not ready (milliseconds). */
const logIntervalMs = 60_000

/** Storage that readiness depends on. */
interface Storage {
  /** Returns whether the data of the database are still in place. */
  isIntact(): Promise<boolean>
}

/** The probes for operators and orchestrators. They are logged at the level `debug`. */
export const healthRoutes: FastifyPluginAsyncTypebox<Storage> = async function healthRoutes(
  app,
  { isIntact },
) {
  let lastReason = ''
  let loggedAt = 0

  function warn(reason: string, log: FastifyBaseLogger): void {
    const now = performance.now()
    if (reason === lastReason && now - loggedAt < logIntervalMs) return
    lastReason = reason
    loggedAt = now
    log.warn({ reason }, 'not ready')
  }

  async function isStorageReady(log: FastifyBaseLogger): Promise<boolean> {
    try {
      if (await isIntact()) return await isMigrated(app.database)
      warn('the data of the embedded PostgreSQL have been removed', log)
    } catch (error) {
      if (!app.outage.note(error)) warn(reasonOf(error as Error), log)
    }
    return false
  }

  app.get('/livez', { schema: livez, config }, async function reportLiveness() {
    return { status: 'ok' as const }
  })

  app.get('/readyz', { schema: readyz, config }, async function reportReadiness(request) {
    const isReady = canOpen() && !app.draining && (await isStorageReady(request.log))
    if (!isReady) throw new Unavailable('not_ready')
    return { status: app.outage.isDegraded() ? ('degraded' as const) : ('ok' as const) }
  })
}

/** Returns whether the process has a file descriptor left. Without one it can neither read files nor open connections. */
export function canOpen(path = devNull): boolean {
  try {
    closeSync(openSync(path, 'r'))
    return true
  } catch {
    return false
  }
}

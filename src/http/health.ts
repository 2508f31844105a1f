import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { isMigrated } from '../database/migrations.js'
import { ServiceError } from '../errors.js'
import { errorResponses } from './error-responses.js'
import { ref, success } from './schema.js'

/** The body of both responses. */
export const Health = Type.Object(
  { status: Type.Literal('ok') },
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
    'open files and connections, and the service is not shutting down.',
  tags: ['operations'],
  response: { 200: ref(Health, success), ...errorResponses('internal_error', 'service_unavailable') },
} satisfies FastifySchema

/** The probes for operators and orchestrators. */
export const healthRoutes: FastifyPluginAsyncTypebox = async function healthRoutes(app) {
  app.get('/livez', { schema: livez }, async function reportLiveness() {
    return { status: 'ok' as const }
  })

  app.get('/readyz', { schema: readyz }, async function reportReadiness(request) {
    const ready = await isMigrated(app.database).catch((error: Error) => {
      request.log.warn({ reason: error.message }, 'not ready')
      return false
    })
    if (!ready || !canOpen() || app.draining) throw new ServiceError('service_unavailable')
    return { status: 'ok' as const }
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

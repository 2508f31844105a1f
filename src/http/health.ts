import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { isMigrated } from '../database/migrations.js'
import { ServiceError } from '../errors.js'
import { errorResponses } from './error-responses.js'
import { ref, success } from './schema.js'

/** The answer of both. */
export const Health = Type.Object(
  { status: Type.Literal('ok') },
  { $id: 'Health', examples: [{ status: 'ok' }] },
)

/** The routes for operators. */
export const healthRoutes: FastifyPluginAsyncTypebox = async function ops(app) {
  app.get(
    '/livez',
    {
      schema: {
        operationId: 'livez',
        summary: 'Liveness',
        description: 'Answers as long as the process does.',
        tags: ['operations'],
        response: { 200: ref(Health, success), ...errorResponses('internal_error') },
      },
    },
    async function reportLiveness() {
      return { status: 'ok' as const }
    },
  )

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'readyz',
        summary: 'Readiness',
        description:
          'Whether the database can be reached and has every migration that this version needs, the process can open ' +
          'files and connections, and the service is not about to end.',
        tags: ['operations'],
        response: { 200: ref(Health, success), ...errorResponses('internal_error', 'service_unavailable') },
      },
    },
    async function reportReadiness(request) {
      const ready = await isMigrated(app.database).catch((error: Error) => {
        request.log.warn({ reason: error.message }, 'not ready')
        return false
      })
      if (!ready || !canOpen() || app.draining) throw new ServiceError('service_unavailable')
      return { status: 'ok' as const }
    },
  )
}

/** Whether the process has a file descriptor left, without which it can neither read a file nor connect to anything. */
export function canOpen(path = devNull): boolean {
  try {
    closeSync(openSync(path, 'r'))
    return true
  } catch {
    return false
  }
}

import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route may change rows that processes cache: see `markMutatingRoutes`. `false` excepts a route. */
    mutates?: boolean
  }
}

/**
 * Delays the response to a mutating request until this process has invalidated what it cached of the changed rows, so
 * that the client's next request to it sees the change. A refused request has changed nothing and need not wait.
 */
export const awaitInvalidation = plugin(registerWait, {
  name: 'await-invalidation',
  dependencies: ['change-feed'],
})

async function registerWait(app: FastifyInstance): Promise<void> {
  app.addHook('onSend', function waitForInvalidation({ routeOptions }, { statusCode }, payload, done) {
    const isRefusal = statusCode >= 400 && statusCode < 500
    if (!routeOptions.config.mutates || isRefusal) return done(null, payload)
    app.changes.sync().then(() => done(null, payload))
  })
}

/** Marks the routes of a scope that change something, whose responses then wait for the invalidation. */
export function markMutatingRoutes(scope: FastifyInstance): void {
  scope.addHook('onRoute', function markMutating(route) {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.config = { mutates: true, ...route.config }
  })
}

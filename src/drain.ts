import { Server } from 'node:net'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is about to end: it is not ready any more, and lets go of connections. */
    draining: boolean
  }
}

/** A request may take so long from a proxy to us. */
const settleMs = 500
/** A turn of the event loop in which nothing happens is shorter, and comes within so many. */
const [quietTurnMs, maxTurns] = [0.05, 100_000]

/** Registers `app.draining`: once it is set, every answer is the last one of its connection. */
export function registerDraining(app: FastifyInstance): void {
  app.decorate('draining', false)
  app.addHook('onSend', function letGo(_request, reply, payload, done) {
    if (app.draining) reply.header('connection', 'close')
    done(null, payload)
  })
}

/**
 * Lets others find out that the service is about to end, so that a restart loses no request: goes on for
 * `drainSeconds`, not ready any more; then takes no new connections, and waits for the requests that are on their way.
 */
export async function drain(app: FastifyInstance, drainSeconds: number): Promise<void> {
  app.draining = true
  if (drainSeconds === 0) return
  await delay(drainSeconds * 1_000)
  await untilNoneWaits(app.server)
  // Not the close of HTTP servers, which cuts connections whose request is still to come.
  Server.prototype.close.call(app.server)
  await delay(settleMs)
}

/** Connections that the system has taken and we have not would be cut: Node.js takes one of them a turn. */
async function untilNoneWaits(server: Server): Promise<void> {
  let isQuiet = false
  const notice = () => {
    isQuiet = false
  }
  server.on('connection', notice)
  for (let turns = 0; !isQuiet && turns < maxTurns; turns++) {
    const beganAt = performance.now()
    isQuiet = true
    await turn()
    if (performance.now() - beganAt > quietTurnMs) isQuiet = false
  }
  server.off('connection', notice)
}

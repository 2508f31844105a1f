import { Server } from 'node:net'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service is about to end: it is not ready any more, and lets go of connections. */
    draining: boolean
  }
}

/** How long a request may take from a proxy to us (milliseconds). */
const settleMs = 500
/** Maximum length of a quiet turn of the event loop at first, and its increase with each millisecond of waiting. */
const quietTurnMs = 0.05
const quietTurnIncrease = 0.01
/** Maximum wait for a quiet turn (milliseconds). Under load without pause there may be none. */
const maxQuietWaitMs = 200

/** Registers `app.draining`: once it is set, every answer is the last one of its connection. */
export function registerDraining(app: FastifyInstance): void {
  app.decorate('draining', false)
  app.addHook('onSend', function letGo(_request, reply, payload, done) {
    if (app.draining) reply.header('connection', 'close')
    done(null, payload)
  })
}

/** Lets others find out that the service is about to end: goes on for `drainSeconds`, but is not ready any more. */
export async function drain(app: FastifyInstance, drainSeconds: number): Promise<void> {
  app.draining = true
  if (drainSeconds > 0) await delay(drainSeconds * 1_000)
}

/** Takes no new connections, and waits for the requests that are on their way over those that there are. */
export async function stopListening(server: Server): Promise<void> {
  await untilNoneWaits(server)
  // Not the close of HTTP servers, which cuts connections whose request is still to come.
  Server.prototype.close.call(server)
  await delay(settleMs)
}

/**
 * Connections that the system has taken and Node.js has not are reset by the close. Node.js takes one of them a turn: after
 * a short turn in which it took none, hardly any can wait. The longer there is no such turn, the longer one may be.
 */
async function untilNoneWaits(server: Server): Promise<void> {
  const beganAt = performance.now()
  let waited = 0
  let isQuiet = false
  const notice = () => {
    isQuiet = false
  }
  server.on('connection', notice)
  while (!isQuiet && waited < maxQuietWaitMs) {
    isQuiet = true
    await turn()
    const before = waited
    waited = performance.now() - beganAt
    if (waited - before > quietTurnMs + before * quietTurnIncrease) isQuiet = false
  }
  server.off('connection', notice)
}

import { Server } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Time for a request to arrive over a connection that a proxy keeps open (milliseconds). */
const settleMs = 500
/** Time without a new connection after which none is likely to be pending (milliseconds). */
const quietMs = 1
/** Maximum duration of the last turn of the event loop, during which a connection may have come (milliseconds). */
const quietTurnMs = 0.05
/** Maximum wait for a quiet moment; under steady load there may be none (milliseconds). */
const maxQuietWaitMs = 200
/** Maximum number of turns after that wait. The first turn without a new connection ends them. */
const maxLateTurns = 50

/** Makes the service not ready but keeps serving for `drainSeconds`, so that load balancers can take it out of rotation. */
export async function drain(app: FastifyInstance, drainSeconds: number): Promise<void> {
  app.draining = true
  if (drainSeconds > 0) await delay(drainSeconds * 1_000)
}

/** Stops accepting connections, and waits for requests that are on their way over open ones. */
export async function stopListening(server: Server): Promise<void> {
  await waitUntilNonePending(server)
  // The close method of HTTP servers would also close connections whose next request is still to come.
  Server.prototype.close.call(server)
  await delay(settleMs)
}

/**
 * Waits until no connection is likely to be pending. Closing the server resets connections that the system has accepted
 * but Node.js has not; Node.js accepts one in each turn of the event loop.
 */
async function waitUntilNonePending(server: Server): Promise<void> {
  const beganAt = performance.now()
  let lastConnectionAt = beganAt
  const onConnection = () => {
    lastConnectionAt = performance.now()
  }
  server.on('connection', onConnection)
  let now = beganAt
  let isQuiet = false
  for (let lateTurns = 0; !isQuiet && lateTurns < maxLateTurns; ) {
    const before = now
    await nextTurn()
    now = performance.now()
    if (now - beganAt < maxQuietWaitMs)
      isQuiet = now - lastConnectionAt >= quietMs && now - before <= quietTurnMs
    else {
      isQuiet = lastConnectionAt < before
      lateTurns += 1
    }
  }
  server.off('connection', onConnection)
}

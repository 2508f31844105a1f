import { Server } from 'node:net'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** How long a request may take from a proxy to us (milliseconds). */
const settleMs = 500
/** Time without a new connection after which none is likely to wait (milliseconds). */
const quietMs = 1
/** Maximum length of the last turn of the event loop in it: none may have come meanwhile (milliseconds). */
const quietTurnMs = 0.05
/** Maximum wait for such a moment (milliseconds). Under load without pause there may be none. */
const maxQuietWaitMs = 200
/** Maximum number of turns after it, of which the first one without a new connection will do. */
const maxLateTurns = 50

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

/** Connections that the system has taken and Node.js has not are reset by the close: it takes one of them a turn. */
async function untilNoneWaits(server: Server): Promise<void> {
  const beganAt = performance.now()
  let takenAt = beganAt
  const notice = () => {
    takenAt = performance.now()
  }
  server.on('connection', notice)
  let now = beganAt
  let isQuiet = false
  for (let lateTurns = 0; !isQuiet && lateTurns < maxLateTurns; ) {
    const before = now
    await turn()
    now = performance.now()
    if (now - beganAt < maxQuietWaitMs) isQuiet = now - takenAt >= quietMs && now - before <= quietTurnMs
    else {
      isQuiet = takenAt < before
      lateTurns += 1
    }
  }
  server.off('connection', notice)
}

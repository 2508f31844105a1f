import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

interface StallLimits {
  /** Maximum time without progress while a response waits to be read (milliseconds). */
  stallTimeoutMs?: number
  /** Time between two checks (milliseconds). */
  intervalMs?: number
}

/** Destroys connections whose clients read so slowly, or not at all, that their responses pile up in memory. */
export const stalledClients = plugin(destroyStalledConnections, { name: 'stalled-clients' })

async function destroyStalledConnections(
  app: FastifyInstance,
  { stallTimeoutMs = 60_000, intervalMs = 5_000 }: StallLimits,
): Promise<void> {
  const progress = new Map<Socket, { sent: number; since: number }>()

  function check(): void {
    const now = performance.now()
    for (const [socket, { sent, since }] of progress) {
      const sentNow = socket.bytesWritten - socket.writableLength
      if (sentNow !== sent || socket.writableLength === 0) progress.set(socket, { sent: sentNow, since: now })
      else if (now - since >= stallTimeoutMs) socket.destroy()
    }
  }

  app.server.on('connection', function watch(socket) {
    progress.set(socket, { sent: 0, since: performance.now() })
    socket.once('close', () => progress.delete(socket))
  })
  const timer = setInterval(check, intervalMs).unref()
  app.addHook('onClose', async () => clearInterval(timer))
}

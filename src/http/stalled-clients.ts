import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** How long a client may take for the next part of its answer, and how often that is looked at (milliseconds). */
const limits = { patienceMs: 60_000, intervalMs: 5_000 }

/** Cuts clients that read so slowly that their answers pile up here. Those that do not read at all are cut with them. */
export function destroyStalledConnections(app: FastifyInstance, { patienceMs, intervalMs } = limits): void {
  const progress = new Map<Socket, { sent: number; since: number }>()

  function look(): void {
    const now = performance.now()
    for (const [socket, { sent, since }] of progress) {
      const sentNow = socket.bytesWritten - socket.writableLength
      if (sentNow !== sent || socket.writableLength === 0) progress.set(socket, { sent: sentNow, since: now })
      else if (now - since >= patienceMs) socket.destroy()
    }
  }

  app.server.on('connection', function follow(socket) {
    progress.set(socket, { sent: 0, since: performance.now() })
    socket.once('close', () => progress.delete(socket))
  })
  const looking = setInterval(look, intervalMs).unref()
  app.addHook('onClose', async () => clearInterval(looking))
}

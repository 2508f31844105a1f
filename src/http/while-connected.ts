import type { FastifyRequest } from 'fastify'

/** Runs work with a signal that aborts when the client disconnects. */
export async function whileConnected<T>(
  { socket }: FastifyRequest,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const connection = new AbortController()
  const abort = () => connection.abort()
  if (socket.destroyed) abort()
  socket.once('close', abort)
  try {
    return await work(connection.signal)
  } finally {
    socket.off('close', abort)
  }
}

import { EventEmitter } from 'node:events'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { whileConnected } from '../../src/http/while-connected.js'

function requestOf(destroyed: boolean) {
  const socket = Object.assign(new EventEmitter(), { destroyed })
  return { socket, request: { socket } as unknown as FastifyRequest }
}

t.test(
  'work is aborted when its client disconnects, before or during it, and no listener is left on the socket',
  async (t) => {
    const gone = requestOf(true)
    t.equal(await whileConnected(gone.request, async ({ aborted }) => aborted), true)
    const { socket, request } = requestOf(false)
    const aborted = await whileConnected(request, async (signal) => {
      t.notOk(signal.aborted)
      socket.emit('close')
      return signal.aborted
    })
    t.equal(aborted, true)
    await t.rejects(
      whileConnected(request, async () => {
        throw new Error('of the work')
      }),
      /of the work/,
    )
    t.equal(socket.listenerCount('close'), 0)
  },
)

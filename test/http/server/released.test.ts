import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { logIn, startApp } from '../../helpers/app.js'
import { as } from '../../helpers/client.js'
import { until } from '../../helpers/wait.js'
import { openWire } from '../../helpers/wire.js'

const connectionsPerKind = 80
const requestsPerConnection = 20

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Returns the number of open file descriptors of this process, or 0 where the system does not list them. */
function countDescriptors(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0
}

/** Destroys all sockets. A separate function, as a variable in the test would keep the last one from being collected. */
function destroyAll(sockets: Set<Socket>): void {
  for (const socket of sockets) socket.destroy()
}

t.test('connections that are destroyed release everything that their responses held', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const description = 'x'.repeat(4_000)
  for (let i = 0; i < 100; i++)
    await as(app, token).put(`/users/me/items/item-${i}`, { title: 'x', description })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  const authorization = `Authorization: Bearer ${token}\r\n`
  const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
  const form = 'username=johndoe&password=secret'
  const kinds = {
    asset: get('/docs/assets/swagger-ui-bundle.js'),
    page: get('/docs'),
    document: get('/openapi.json'),
    list: get('/users/me/items/', authorization),
    export: get('/users/me/items/export', authorization),
    refusal: get('/users/me/'),
    'unknown path': get('/nowhere'),
    redirect: get('/users/me'),
    'bad path': get('/users/%ff/'),
    token: `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`,
    'incomplete body': `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 999\r\n\r\n${form}`,
    'malformed request': 'BAD\x01\r\n\r\n',
    'health and malformed request': `${get('/livez')}BAD\x01\r\n\r\n`,
  }

  const tracked: WeakRef<object>[] = []
  const peers = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    tracked.push(new WeakRef(socket))
    peers.add(socket)
    socket.once('close', () => peers.delete(socket))
  })
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    tracked.push(new WeakRef(request), new WeakRef(response))
  })
  const atRest = countDescriptors()

  for (const [kind, request] of Object.entries(kinds)) {
    const sockets = Array.from({ length: connectionsPerKind }, () => {
      const { socket } = openWire(port, request.repeat(requestsPerConnection))
      socket.pause()
      return socket
    })
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    // Some are destroyed after their responses have started, and some before.
    if (kind !== 'incomplete body')
      await until(() => peers.size === 0 || [...peers].some(({ bytesWritten }) => bytesWritten > 0))
    await Promise.all(sockets.map((socket) => socket.destroy() && once(socket, 'close')))
    // A paused connection does not notice by itself.
    destroyAll(peers)
    await until(() => peers.size === 0)
  }

  t.ok(tracked.length > 1_000 * 2)
  await until(() => {
    collectGarbage()
    return tracked.every((one) => one.deref() === undefined)
  })
  t.pass('requests, responses and connections are gone')
  await until(() => countDescriptors() <= atRest)
  t.pass('and so are file descriptors')
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

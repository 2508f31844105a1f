import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startService } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

const body = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n'

t.test('connections of slow clients are closed, while others are served', async (t) => {
  const { host, port, origin } = await startService(t, {}, 'dist/src/server.js')
  const slow = [
    ['a header', 'GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-Slow: x\r\n'],
    ['a body', `POST /token HTTP/1.1\r\nHost: x\r\n${body}`, 'a'],
  ].map(async ([what, head = '', more = '']) => {
    const socket = connect(port, host)
    let answer = ''
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    socket.on('error', () => {})
    socket.write(head)
    const dripping = setInterval(() => socket.write(more), 500)
    await once(socket, 'close')
    clearInterval(dripping)
    return [String(what), answer] as const
  })
  let cut = false
  const all = Promise.all(slow).finally(() => {
    cut = true
  })
  const statuses = new Set<number>()
  while (!cut) {
    statuses.add((await fetch(`${origin}/livez`)).status)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.same([...statuses], [200])
  for (const [what, answer] of await all)
    t.match(answer, /^HTTP\/1\.1 408 [\s\S]*\{"detail":"Request Timeout","code":"request_timeout"\}$/, what)
})

t.test('connections beyond the maximum are refused', async (t) => {
  const { host, port, origin } = await startService(t, { MAX_CONNECTIONS: '5' }, 'dist/src/server.js')
  const sockets = Array.from({ length: 10 }, () => connect(port, host).on('error', () => {}))
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  const closed = sockets.slice(0, 10).map((socket) => once(socket, 'close').then(() => socket))
  for (let i = 0; i < 5; i++) await Promise.race(closed)
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
  // The service notices later that the clients have left.
  const isServed = () =>
    fetch(`${origin}/livez`)
      .then(({ ok }) => ok)
      .catch(() => false)
  await t.resolves(until(isServed), 'new connections are accepted again when others have closed')
})

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startApp } from '../../helpers/app.js'
import { openWire, sendWire } from '../../helpers/wire.js'

const host = 'Host: x\r\n'
const last = `GET /livez HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
const form = 'username=johndoe&password=secret'
const post = (headers: string, version = '1.1') =>
  `POST /token HTTP/${version}\r\n${host}Content-Type: application/x-www-form-urlencoded\r\n${headers}\r\n`
const logIn = post(`Content-Length: ${form.length}\r\n`) + form

const upgrade = 'Connection: Upgrade\r\nUpgrade: x\r\n'
const refused: [name: string, text: string, status: number][] = [
  ['a tunnel', `CONNECT x:1 HTTP/1.1\r\n${host}\r\n`, 405],
  ['no Host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
  ['an expectation', `GET /livez HTTP/1.1\r\n${host}Expect: x\r\n\r\n`, 417],
  ['garbage', 'BAD\x01\r\n\r\n', 405],
  ['another version', `GET /livez HTTP/2.0\r\n${host}\r\n`, 505],
  ['an ancient version', `GET /livez HTTP/0.9\r\n${host}\r\n`, 505],
  ['a coding in HTTP/1.0', `${post('Transfer-Encoding: chunked\r\n', '1.0')}0\r\n\r\n`, 400],
  ['two codings', `${post('Transfer-Encoding: gzip, chunked\r\n')}0\r\n\r\n`, 501],
  ['one coding twice', `${post('Transfer-Encoding: chunked, chunked\r\n')}0\r\n\r\n`, 400],
  [
    'two headers of codings',
    `${post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n')}0\r\n\r\n`,
    400,
  ],
]

t.test('refusals', async (t) => {
  const app = await startApp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  await t.test('a refusal before routing closes the connection', async (t) => {
    for (const [name, text, status] of refused)
      t.same(
        (await sendWire(port, text + last)).map((answer) => answer.status),
        [status],
        name,
      )
  })

  await t.test('a refused HEAD request gets no body', async (t) => {
    for (const [name, text] of [
      ['no Host', 'HEAD /livez HTTP/1.1\r\n\r\n'],
      ['an expectation', `HEAD /livez HTTP/1.1\r\n${host}Expect: x\r\n\r\n`],
      ['another version', `HEAD /livez HTTP/2.0\r\n${host}\r\n`],
    ] as const) {
      const { socket, received } = openWire(port, text)
      await once(socket, 'close')
      t.ok(received().endsWith('\r\n\r\n'), name)
      t.match(received(), /content-length: [1-9]/, name)
    }
  })

  await t.test(
    'nothing after a request with Upgrade is read, and its response closes the connection',
    async (t) => {
      const smuggled = `GET /nowhere HTTP/1.1\r\n${host}\r\n`
      const incomplete = 'POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n'
      for (const text of [
        `GET /livez HTTP/1.1\r\n${host}${upgrade}\r\n`,
        `GET /livez HTTP/1.1\r\n${host}Connection: HTTP2-Settings , upgrade\r\nUpgrade: h2c\r\n\r\n`,
        post(`${upgrade}Content-Length: ${form.length}\r\n`) + form,
      ]) {
        const { socket, received } = openWire(port, text + incomplete)
        socket.on('data', () => socket.write(smuggled))
        await once(socket, 'close')
        t.equal(received().match(/HTTP\/1\.1 /g)?.length, 1, received())
        t.match(received(), /^HTTP\/1\.1 200[\s\S]*connection: close/i)
      }
      t.same(
        (await sendWire(port, `GET /livez HTTP/1.1\r\n${host}Upgrade: x\r\n\r\n${last}`)).map(
          ({ status }) => status,
        ),
        [200, 200],
        'Upgrade without Connection is ignored',
      )
    },
  )

  await t.test('a header counts at any position', async (t) => {
    const many = 'a:\r\n'.repeat(2_100)
    t.same(
      (await sendWire(port, `GET /livez HTTP/1.1\r\n${many}Host: x\r\nConnection: close\r\n\r\n`)).map(
        ({ status }) => status,
      ),
      [200],
    )
    t.same(
      (await sendWire(port, `GET /livez HTTP/1.1\r\n${host}${many}Host: y\r\nConnection: close\r\n\r\n`)).map(
        ({ status }) => status,
      ),
      [400],
    )
  })

  await t.test('a body of tiny chunks is not read to its end, with or without a route', async (t) => {
    const chunks = '1\r\na\r\n'.repeat(400_000)
    for (const [target, status] of [
      ['/token', 413],
      ['/nowhere', 404],
      ['/users/me/items/', 401],
    ] as const) {
      const connected = once(app.server, 'connection')
      const { socket, received } = openWire(
        port,
        post('Transfer-Encoding: chunked\r\n').replace('/token', target) + chunks,
      )
      const [peer] = await connected
      await new Promise((resolve) => socket.on('close', resolve))
      t.match(received(), new RegExp(`^HTTP/1.1 (${status}|413) `), target)
      t.equal(received().match(/HTTP\/1\.1 /g)?.length, 1)
      t.ok(peer.bytesRead < chunks.length / 2, `${peer.bytesRead} bytes were read`)
    }
    const lines = `${form}&x=${'x'.repeat(3_000)}`.replaceAll(
      /.{1,3}/g,
      (part) => `${part.length}\r\n${part}\r\n`,
    )
    const fine = `${post('Transfer-Encoding: chunked\r\nConnection: close\r\n')}${lines}0\r\n\r\n`
    t.same(
      (await sendWire(port, fine)).map((answer) => answer.status),
      [200],
      'a limited number of them is accepted',
    )
  })

  await t.test('a client that resets its connection affects no other', async (t) => {
    const texts = [...refused.map(([, text]) => text), `GET /livez HTTP/1.1\r\n${host}${upgrade}\r\n`]
    for (const before of ['', logIn, last.replace('Connection: close\r\n', '')])
      for (const text of texts)
        for (let i = 0; i < 10; i++) {
          const connected = once(app.server, 'connection')
          const { socket } = openWire(port, before + text)
          const [peer] = await connected
          const closed = new Promise((resolve) => peer.on('close', resolve))
          if (i % 2) await new Promise((resolve) => setTimeout(resolve, i))
          socket.resetAndDestroy()
          await closed
        }
    t.match(await app.inject('/livez'), { statusCode: 200 })
  })
})

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:net'
import t from 'tap'
import { post } from '../../src/http/safe-fetch/post.js'
import { toRequestUrl } from '../../src/http/safe-fetch/request-url.js'
import { localhostPem, startHttps } from '../helpers/https.js'
import { startReceiver } from '../helpers/webhooks.js'

const request = { headers: { 'webhook-id': 'msg_1' }, body: '{"ä":1}' }
const resolveTo =
  (...addresses: string[]) =>
  async (): Promise<LookupAddress[]> =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

t.test('a message is posted to an internal host without TLS, and the status is returned', async (t) => {
  const receiver = await startReceiver(t)
  const internalHosts = [receiver.settings.WEBHOOK_INTERNAL_HOSTS]
  const receipt = await post({ url: receiver.url, internalHosts, ca: null }, request)
  t.same(receipt, { status: 204, retryAfterSeconds: 0 })
  t.match(receiver.received, [
    { body: '{"ä":1}', headers: { 'webhook-id': 'msg_1', 'content-length': '8', connection: 'close' } },
  ])
})

t.test('only an internal host may be called without TLS, with the port that is named', async (t) => {
  t.equal(toRequestUrl('https://a.example/', [])?.href, 'https://a.example/')
  t.equal(toRequestUrl('http://a.example:80/', ['a.example'])?.href, 'http://a.example/')
  t.equal(toRequestUrl('http://A.example:8080/', ['a.example:8080'])?.href, 'http://a.example:8080/')
  for (const url of [
    'http://a.example:8081/',
    'http://b.a.example:8080/',
    'http://a.example/',
    'http://x@a.example:8080/',
    'http://a.example:8080/#',
    'http://a.example:8080@b.example/',
    'gopher://a.example:8080/',
  ]) {
    t.equal(toRequestUrl(url, ['a.example:8080']), null, url)
    await t.rejects(post({ url, internalHosts: ['a.example:8080'], ca: null }, request), /^not an https URL/)
  }
})

t.test(
  'other hosts are not reached in private networks, however their address is written or resolved',
  async (t) => {
    const requests: unknown[] = []
    const origin = await startHttps(t, (_request, response) => {
      requests.push(1)
      response.end()
    })
    const { port } = new URL(origin)
    const refused = /the host has an address that is not public/
    for (const host of [
      'localhost',
      '127.1',
      '0177.0.0.1',
      '2130706433',
      '0x7f000001',
      '[::1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      '①②⑦.0.0.1',
      '0',
    ]) {
      const url = new URL(`https://${host}:${port}/`).href
      await t.rejects(post({ url, internalHosts: [], ca: localhostPem }, request), refused, host)
    }
    const url = `https://audit.example:${port}/`
    const destination = { url, internalHosts: [`localhost:${port}`], ca: localhostPem }
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '10.0.0.1'], ['::ffff:127.0.0.1']])
      await t.rejects(post(destination, request, resolveTo(...addresses)), refused)
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '0.0.0.0', '::'])
      await t.rejects(
        post({ ...destination, internalHosts: [`audit.example:${port}`] }, request, resolveTo(address)),
        refused,
        'an internal host may not be one where clouds serve credentials',
      )
    t.equal(requests.length, 0)
  },
)

t.test('a name is resolved once, and its certificate must be that of the name', async (t) => {
  const origin = await startHttps(t, (_request, response) => response.end('x'))
  const { port } = new URL(origin)
  let resolved = 0
  const rebinding = async (): Promise<LookupAddress[]> => {
    resolved += 1
    return [{ address: resolved === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]
  }
  const internalHosts = [`localhost:${port}`, `audit.example:${port}`]
  t.match(await post({ url: origin, internalHosts, ca: localhostPem }, request, rebinding), { status: 200 })
  t.equal(resolved, 1)
  const otherName = { url: `https://audit.example:${port}/`, internalHosts, ca: localhostPem }
  await t.rejects(post(otherName, request, resolveTo('127.0.0.1')), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('redirects are not followed, and no more than 64 KiB of a response are read', async (t) => {
  let cut: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    cut = resolve
  })
  const receiver = await startReceiver(t, (response) => {
    if (receiver.received.length === 1) return void response.writeHead(307, { location: '/other' }).end()
    response.on('close', cut)
    response.writeHead(200)
    const fill = (): void => {
      while (response.write('x'.repeat(16_384)));
      response.once('drain', fill)
    }
    fill()
  })
  const destination = {
    url: receiver.url,
    internalHosts: [receiver.settings.WEBHOOK_INTERNAL_HOSTS],
    ca: null,
  }
  t.match(await post(destination, request), { status: 307 })
  t.match(await post(destination, request), { status: 200 }, 'an endless response')
  await closed
  t.equal(receiver.received.length, 2)
})

t.test('a response whose body does not end within the time limit counts by its status', async (t) => {
  const controller = new AbortController()
  t.intercept(AbortSignal, 'timeout', { value: () => controller.signal })
  const expire = () => setImmediate(() => controller.abort())
  // Node.js publishes this when it has received the headers.
  subscribe('http.client.response.finish', expire)
  t.teardown(() => unsubscribe('http.client.response.finish', expire))
  const receiver = await startReceiver(t, (response) => {
    response.writeHead(202, { 'retry-after': '7' }).write('x')
  })
  const internalHosts = [receiver.settings.WEBHOOK_INTERNAL_HOSTS]
  const receipt = await post({ url: receiver.url, internalHosts, ca: null }, request)
  t.same(receipt, { status: 202, retryAfterSeconds: 7 })
})

t.test('Retry-After is read as seconds, or as a date by the clock of the server', async (t) => {
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT'
  for (const [value, seconds] of [
    ['7', 7],
    ['-7', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', 0],
  ] as const) {
    const receiver = await startReceiver(t, (response) =>
      response.writeHead(503, { 'retry-after': value, date }).end(),
    )
    const internalHosts = [receiver.settings.WEBHOOK_INTERNAL_HOSTS]
    const receipt = await post({ url: receiver.url, internalHosts, ca: null }, request)
    t.same(receipt, { status: 503, retryAfterSeconds: seconds }, value)
  }
})

t.test('a server that does not answer, or is not there, ends the attempt', async (t) => {
  const controller = new AbortController()
  t.intercept(AbortSignal, 'timeout', { value: () => controller.signal })
  const silent = createServer(() => controller.abort())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(silent.address() as { port: number }).port}`
  const destination = { url: `http://${host}/`, internalHosts: [host], ca: null }
  await t.rejects(post(destination, request), /^no response within 5 s$/)
  await new Promise((resolve) => silent.close(resolve))
})

import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:net'
import t from 'tap'
import { isPermitted } from '../../src/http/safe-fetch/address.js'
import { fetchJson } from '../../src/http/safe-fetch/fetch-json.js'
import { toHttpsUrl } from '../../src/http/safe-fetch/request-url.js'
import { localhostPem, startHttps } from '../helpers/https.js'

const local = { allowPrivateHost: true, ca: localhostPem }

/** Addresses that are never requested, not even where private ones are allowed. */
const forbidden = [
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::8.8.8.8',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '100::1',
  '2001:db8::1',
  '2001::1',
  '2002:808:808::1',
  '::ffff:0:8.8.8.8',
  '64:ff9b:1::808:808',
  '64:ff9b::169.254.169.254',
  '168.63.129.16',
  '100.100.100.200',
  '::ffff:100.100.100.200',
  '64:ff9b::168.63.129.16',
  'fd00:ec2::254',
  'FD00:0ec2:0:0::0254',
  'fd20:ce::254',
  '::ffff:169.254.169.254',
  '4000::1',
  'no address',
]
const privateAddresses = [
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '::1',
  'fc00::1',
  'fd12::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::7f00:1',
]
const publicAddresses = ['8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808']

t.test('only public addresses are permitted, and private ones where the operator says so', async (t) => {
  for (const address of publicAddresses) t.ok(isPermitted(address, false), address)
  for (const address of privateAddresses)
    t.same([isPermitted(address, false), isPermitted(address, true)], [false, true], address)
  for (const address of forbidden)
    t.same([isPermitted(address, false), isPermitted(address, true)], [false, false], address)
})

t.test('only https URLs without credentials and fragment are fetched', async (t) => {
  t.equal(toHttpsUrl('https://keys.example/a?b=c')?.href, 'https://keys.example/a?b=c')
  for (const url of [
    'http://keys.example/',
    'file:///etc/passwd',
    'https:keys.example',
    'https://user@keys.example/',
    'https://:x@keys.example/',
    'https://keys.example/#',
    'https://keys.example/\n',
    'https://',
    `https://keys.example/${'a'.repeat(2_048)}`,
  ]) {
    t.equal(toHttpsUrl(url), null, url)
    await t.rejects(fetchJson({ ...local, url }), /^not an https URL/)
  }
})

t.test('a server that changes the protocol, or closes without a response, ends the fetch', async (t) => {
  const origin = await startHttps(t, (request, response) => {
    if (request.url === '/closed') return void request.socket.destroy()
    response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end()
  })
  await t.rejects(fetchJson({ ...local, url: `${origin}/upgraded` }), /the status 101/)
  await t.rejects(fetchJson({ ...local, url: `${origin}/closed` }), /socket hang up/)
})

t.test('a host is resolved once, and refused if one of its addresses is not public', async (t) => {
  const requests: (string | undefined)[] = []
  const origin = await startHttps(t, (request, response) => {
    requests.push(`${request.headers.host} ${request.headers.accept}`)
    response.end('{"keys":[]}')
  })
  const { port } = new URL(origin)
  let resolved = 0
  const resolve = (...addresses: string[]) =>
    async function resolveTo(): Promise<LookupAddress[]> {
      resolved += 1
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    }
  const url = `https://localhost:${port}/`
  t.same(await fetchJson({ ...local, url }, resolve('127.0.0.1')), { keys: [] })
  t.equal(resolved, 1)
  t.same(requests, [`localhost:${port} application/json`])
  const refused = /the host has an address that is not public/
  for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:127.0.0.1']])
    await t.rejects(fetchJson({ ...local, url, allowPrivateHost: false }, resolve(...addresses)), refused)
  for (const host of ['localhost', '127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:7f00:1]'])
    await t.rejects(
      fetchJson({ ca: null, allowPrivateHost: false, url: `https://${host}:${port}/` }),
      refused,
      host,
    )
  t.equal(requests.length, 1)
})

t.test('the certificate must be that of the name, from an authority that is trusted', async (t) => {
  const origin = await startHttps(t, (_request, response) => response.end('{}'))
  await t.rejects(fetchJson({ ...local, ca: null, url: origin }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
  const otherName = origin.replace('localhost', 'keys.example')
  await t.rejects(fetchJson({ ...local, url: otherName }, resolve), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  t.same(await fetchJson({ ...local, url: origin.replace('localhost', '127.0.0.1') }), {})
})

t.test('redirects, errors, large responses and other formats are refused', async (t) => {
  let followed = 0
  const origin = await startHttps(t, (request, response) => {
    const answers: Record<string, () => void> = {
      '/redirect': () => response.writeHead(302, { location: '/target' }).end(),
      '/target': () => {
        followed += 1
        response.end('{}')
      },
      '/error': () => response.writeHead(500).end('{}'),
      '/empty': () => response.writeHead(204).end(),
      '/text': () => response.end('<html>'),
      '/largest': () => response.end(JSON.stringify('x'.repeat(65_534))),
      '/large': () => response.end(JSON.stringify('x'.repeat(65_535))),
      '/cut': () => {
        response.writeHead(200, { 'content-length': '10' }).write('{')
        setImmediate(() => request.socket.destroy())
      },
    }
    answers[String(request.url)]?.()
  })
  for (const [path, reason] of [
    ['/redirect', /the response has the status 302/],
    ['/error', /the response has the status 500/],
    ['/empty', /the response has the status 204/],
    ['/text', /the response is not JSON/],
    ['/large', /the response is larger than 65536 bytes/],
    ['/cut', /aborted/],
  ] as const)
    await t.rejects(fetchJson({ ...local, url: origin + path }), reason, path)
  t.equal(followed, 0)
  t.equal(String(await fetchJson({ ...local, url: `${origin}/largest` })).length, 65_534)
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as { port: number }
  await new Promise((resolve) => closed.close(resolve))
  await t.rejects(fetchJson({ ...local, url: `https://127.0.0.1:${port}` }), { code: 'ECONNREFUSED' })
})

t.test('everything together is limited in time', async (t) => {
  const limits: number[] = []
  const expired = AbortSignal.abort(new DOMException('timeout', 'TimeoutError'))
  const controller = new AbortController()
  t.intercept(AbortSignal, 'timeout', {
    value: (ms: number) => {
      limits.push(ms)
      return limits.length === 1 ? expired : controller.signal
    },
  })
  const late = /^no response within 5 s$/
  const origin = await startHttps(t, () => controller.abort())
  await t.rejects(fetchJson({ ...local, url: origin }), late)
  await t.rejects(fetchJson({ ...local, url: origin }), late, 'a server that does not respond')
  t.same(limits, [5_000, 5_000])
})

t.test('nor does a name server that does not respond', async (t) => {
  const controller = new AbortController()
  t.intercept(AbortSignal, 'timeout', { value: () => controller.signal })
  const fetching = fetchJson({ ...local, url: 'https://keys.example/' }, () => new Promise(() => {}))
  controller.abort()
  await t.rejects(fetching, /^no address of the host within 5 s$/)
})

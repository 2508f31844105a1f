import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { basic } from '../conformance/server.js'
import { makeFolder } from '../database/folder.js'
import { postToken, startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { freePort } from '../helpers/free-port.js'
import { storeResource } from '../helpers/resources.js'
import { until } from '../helpers/wait.js'

// The recipes in docs/reverse-proxies/, each run by its proxy in front of a service that knows nothing of OAuth. Only
// addresses and paths differ.

interface Recipe {
  /** Prints the version, to find out whether the program is installed. */
  version: string[]
  /** Arguments that run the program in the foreground, with its files in a folder. */
  args: (folder: string) => string[]
  /** Files of the recipe. */
  files: string[]
  /** What the proxy responds with while Latchkey cannot be reached. */
  unavailable: number
}

const recipes: Record<string, Recipe> = {
  nginx: {
    version: ['-v'],
    args: (folder) => [
      '-e',
      `${folder}/log`,
      '-c',
      `${folder}/nginx.conf`,
      '-g',
      `daemon off; pid ${folder}/pid;`,
    ],
    files: ['nginx.conf'],
    unavailable: 503,
  },
  haproxy: {
    version: ['-v'],
    args: (folder) => ['-db', '-f', `${folder}/haproxy.cfg`],
    files: ['haproxy.cfg', 'latchkey.lua'],
    unavailable: 503,
  },
  caddy: {
    version: ['version'],
    args: (folder) => ['run', '--config', `${folder}/Caddyfile`, '--adapter', 'caddyfile'],
    files: ['Caddyfile'],
    unavailable: 502,
  },
  traefik: {
    version: ['version'],
    args: (folder) => [`--configFile=${folder}/traefik.yml`],
    files: ['traefik.yml', 'traefik-latchkey.yml'],
    unavailable: 500,
  },
  envoy: {
    version: ['--version'],
    args: (folder) => [
      '-c',
      `${folder}/envoy.yaml`,
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '-l',
      'error',
    ],
    files: ['envoy.yaml'],
    unavailable: 503,
  },
}

const orders = 'https://orders.example'
const secret = 'the secret of shop'
const app = await startApp(t, { JWT_SECRET: '' })
await storeClient(app.database, 'shop', secret, ['me', 'orders:read', 'orders:write'])
await storeResource(app.database, {
  name: 'orders',
  identifier: orders,
  scopes: ['orders:read', 'orders:write'],
  defaultScopes: ['orders:read', 'orders:write'],
  subjectType: 'username',
})
await app.listen({ port: 0 })
const latchkey = app.server.address() as AddressInfo

async function requestToken(scope: string): Promise<string> {
  const form = { grant_type: 'password', username: 'johndoe', password: 'secret', scope }
  return (await postToken(app, form, basic('shop', secret))).json<{ access_token: string }>().access_token
}
const token = await requestToken('orders:read')
const bearer = ['authorization', `Bearer ${token}`]
const ofOwnAudience = ['authorization', `Bearer ${await requestToken('me')}`]
const withoutScope = ['authorization', `Bearer ${await requestToken('orders:write')}`]

/** A request as the service behind the proxy receives it. */
interface Received {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

/** A service that responds with the request that it received. */
const service = createServer(async (received, response) => {
  const { method, url, headers } = received
  response.end(JSON.stringify({ method, url, headers, body: await text(received) }))
}).listen(0, '127.0.0.1')
t.teardown(() => service.close())
await once(service, 'listening')

/** Headers by which a client pretends to be someone, also in spellings that many services do not tell apart. */
const forged = ['subject', 'user', 'scope', 'client'].flatMap((name) =>
  ['--', '__', '-_', '_-', '..', '-.', '~!'].flatMap(([first, second]) => [
    `X${first}Latchkey${second}${name}`,
    'admin',
  ]),
)
const caller = {
  'x-latchkey-subject': 'johndoe',
  'x-latchkey-user': 'johndoe',
  'x-latchkey-scope': 'orders:read',
  'x-latchkey-client': 'shop',
}
const preflight = ['origin', 'https://app.example', 'access-control-request-method', 'PUT']

/** Headers that some services take for the path or the method of the request. */
const overrides = [
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]

/** Targets that a proxy may take for a public path while the service takes them for another one, or the other way round. */
const readOtherwise = [
  '//public/orders',
  '///public/orders',
  '//orders/../public/x',
  '/orders/../public/x',
  '/public/../orders',
  '/public/./../orders',
  '/public/..',
  '/public/.',
  '/public//orders',
  '/public/..//orders',
  '/public/%2e%2e/orders',
  '/public/%2E%2e/orders',
  '/public/.%2e/orders',
  '/orders/%2e%2e/public/x',
  '/orders/%2e%2e%2fpublic/x',
  '/public/%252e%252e/orders',
  '/public/%2f../orders',
  '/public%2forders',
  '/public/..%2forders',
  '/public/..%5corders',
  '/public/..\\orders',
  '/public\\..\\orders',
  '/orders\\..\\public/x',
  '/public/..;/orders',
  '/public/..;a=b/orders',
  '/public/.;/..;/orders',
  '/public/x;/../../orders',
  '/public/..%3b/orders',
  '/public;/../orders',
  '/public/;/orders',
  '/public/%zz/../orders',
  '/public/%zz/..',
  '/public/%',
  '/public/%2',
  '/public/%u002e%u002e/orders',
  '/public/%00/../orders',
  '/public/%0a',
  '/public/%7f',
  '/public/%c0%ae%c0%ae/orders',
  '/public/%e0%80%ae%e0%80%ae/orders',
  '/public/x#/../../orders',
  '/orders#/../public/x',
  '/%70ublic/orders',
  '/%2570ublic/orders',
  '/PUBLIC/orders',
  '/orders/..;/public/x',
  'http://app.example//public/orders',
  'http://app.example/orders/../public/x',
  'http://app.example/public/..;/orders',
  'http://app.example',
]

for (const [name, recipe] of Object.entries(recipes)) {
  const isMissing = spawnSync(name, recipe.version).error && `${name} is not installed`
  t.test(`${name} in front of a service`, { skip: isMissing ?? false }, async (t) => {
    const proxy = await startProxy(t, name, recipe, latchkey.port)

    t.test('tells the service who the caller is, whatever the client says', async (t) => {
      const answer = await proxy.send('POST', '/orders?page=2', [...forged, ...bearer], 'a body')
      t.match(answer, { status: 200, received: { method: 'POST', url: '/orders?page=2', body: 'a body' } })
      t.same(identityIn(answer.received), caller)
      t.equal(answer.received?.headers.authorization, undefined, 'and keeps the token to itself')
    })

    t.test('tells the service nothing on a route without a token, and for a preflight', async (t) => {
      for (const [method, path, lines] of [
        ['GET', '/public/file', bearer],
        ['OPTIONS', '/orders', preflight],
      ] as const) {
        const answer = await proxy.send(method, path, [...forged, ...lines])
        t.match(answer, { status: 200, received: { method, url: path } })
        t.same(identityIn(answer.received), {})
      }
    })

    t.test('refuses the others, with the challenge of Latchkey', async (t) => {
      const realm = 'Bearer realm="Latchkey"'
      for (const [lines, status, challenge] of [
        [[], 401, `${realm}, scope="orders:read"`],
        [forged, 401, `${realm}, scope="orders:read"`],
        [preflight, 401, `${realm}, scope="orders:read"`],
        [['authorization', 'Bearer x'], 401, `${realm}, error="invalid_token"`],
        [ofOwnAudience, 401, `${realm}, error="invalid_token"`],
        [withoutScope, 403, `${realm}, error="insufficient_scope", scope="orders:read"`],
      ] as const) {
        const answer = await proxy.send('GET', '/orders', lines)
        t.match(answer, { status, challenge, received: null })
      }
    })

    t.test('passes nothing on that decides instead of its configuration', async (t) => {
      const evil = '?resource=&scope=me&resource=urn:x&uri=/'
      t.equal((await proxy.send('GET', `/orders${evil}`, bearer)).status, 200)
      for (const path of [
        `/orders${evil}`,
        `/${evil}`,
        '/orders?x#y',
        '/%zz',
        '/a//b',
        '/public/../orders',
      ]) {
        const lines = [...ofOwnAudience, 'x-forwarded-uri', '/public/', 'x-original-url', '/public/']
        const { status, received } = await proxy.send('GET', path, lines)
        t.ok([400, 401].includes(Number(status)), `${path} ${status}`)
        t.equal(received, null)
      }
    })

    t.test('lets nothing pass as public that the service may read as another path', async (t) => {
      for (const path of readOtherwise) {
        const { status, received } = await proxy.send('GET', path)
        const isRefused = [400, 401, 404].includes(Number(status))
        t.ok(isRefused || isPlainPublic(received), `${path} ${status} ${received?.url}`)
      }
      for (const path of ['/public/', '/public/a-b_c.~d/[e]/%C3%A9%20%3F?page=//..%2e%2e%2f']) {
        const { status, received } = await proxy.send('GET', path)
        t.match({ status, url: received?.url }, { status: 200, url: path })
      }
    })

    t.test('lets no header lead to another path or method', async (t) => {
      const lines = overrides.flatMap((header) => [
        header,
        '/orders',
        header.replaceAll('-', '_'),
        'DELETE',
        header.replaceAll('-', '.'),
        'PUT',
      ])
      for (const [method, path] of [
        ['GET', '/public/file'],
        ['OPTIONS', '/orders'],
      ] as const) {
        const { status, received } = await proxy.send(method, path, [...preflight, ...lines])
        t.equal(status, 200)
        const names = Object.keys(received?.headers ?? {}).map((header) => header.replaceAll(/[_.]/g, '-'))
        t.same(
          names.filter((header) => overrides.includes(header) && received?.headers[header] !== ''),
          [],
        )
      }
    })

    t.test('keeps the identity that a client calls a header of the connection', async (t) => {
      for (const connection of [
        ['connection', 'X-Latchkey-User'],
        ['connection', 'close, x-latchkey-subject ,X-Latchkey-User'],
        ['connection', 'keep-alive', 'Connection', 'x_latchkey_user'],
      ]) {
        const { status, received } = await proxy.send('GET', '/orders', [...bearer, ...connection])
        if (status === 200) t.same(identityIn(received), caller)
        else t.equal(status, 400, String(connection))
        t.notMatch(received?.headers.connection ?? '', /latchkey/i, 'the next proxy keeps it too')
        const open = await proxy.send('GET', '/public/file', [...forged, ...connection])
        t.same(identityIn(open.received), {})
      }
    })

    t.test('makes no 5xx of what a client does', async (t) => {
      for (const [method, lines] of [
        ['GET', [...bearer, 'Authorization', 'Bearer x']],
        ['GET', [...bearer, ...bearer]],
        [
          'GET',
          ['x-large', 'x'.repeat(7_000), 'x-larger', 'x'.repeat(7_000), 'x-largest', 'x'.repeat(7_000)],
        ],
        ['PROPFIND', ['content-encoding', 'br', 'content-type', 'nonsense']],
      ] as const) {
        const { status, received } = await proxy.send(method, '/orders', lines)
        t.ok(Number(status) >= 400 && Number(status) < 500, `${method} ${status}`)
        t.equal(received, null)
      }
    })

    t.test('lets nothing pass while Latchkey cannot be reached', async (t) => {
      const closed = await startProxy(t, name, recipe, await freePort())
      t.match(await closed.send('GET', '/orders', bearer), { status: recipe.unavailable, received: null })
    })
  })
}

/** Returns the headers about the caller in a request, in any spelling. Some proxies send those without a value empty. */
function identityIn(received: Received | null) {
  return Object.fromEntries(
    Object.entries(received?.headers ?? {}).filter(
      ([name, value]) => /^x.latchkey/.test(name) && value !== '',
    ),
  )
}

/** Returns whether every service reads the target of a request as the same public path. */
function isPlainPublic(received: Received | null): boolean {
  const path = received?.url.replace(/^http:\/\/app\.example/, '').replace(/\?.*/, '') ?? ''
  return /^\/public(\/[\w-]+)*\/?$/.test(path)
}

async function startProxy(t: Test, program: string, { args, files }: Recipe, latchkeyPort: number) {
  const folder = await makeFolder(t)
  const port = await freePort()
  for (const file of files) {
    const configuration = readFileSync(join('docs/reverse-proxies', file), 'utf8')
      .replaceAll(/\b8080\b/g, String(port))
      .replaceAll(/\b8000\b/g, String(latchkeyPort))
      .replaceAll(/\b3000\b/g, String((service.address() as AddressInfo).port))
      .replaceAll(/\/etc\/(haproxy|traefik)\/(\w)/g, (_, kind: string, rest: string) =>
        kind === 'traefik' ? `${folder}/traefik-${rest}` : `${folder}/${rest}`,
      )
      .replace(/^http \{/m, `http { access_log off; ${temporaryPaths(folder)}`)
    writeFileSync(join(folder, file), configuration)
  }
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
  const child = spawn(program, args(folder), { stdio: ['ignore', 'ignore', 'pipe'], env })
  const errors = text(child.stderr)
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const answers = () => send(port, 'GET', '/public/').then(({ status }) => status === 200)
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${await errors}`)
    return answers().catch(() => false)
  })
  return { send: (...message: Message) => send(port, ...message) }
}

/** Folders of nginx, whose defaults belong to root. */
function temporaryPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')
}

type Message = [method: string, path: string, lines?: readonly string[], body?: string]

/** Sends a request with these headers, names and values in turn. `received` is null if it did not reach the service. */
async function send(port: number, ...[method, path, lines = [], body]: Message) {
  const framing = body === undefined ? [] : ['content-length', String(body.length)]
  const headers = ['host', 'app.example', ...framing, ...lines]
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }).end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const status = response.statusCode
  const received = status === 200 ? ((await json(response)) as Received) : null
  response.resume()
  return { status, received, challenge: response.headers['www-authenticate'] }
}

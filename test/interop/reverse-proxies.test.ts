import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { json, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { basic } from '../conformance/server.js'
import { makeFolder } from '../database/folder.js'
import { postToken, startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
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

/** Headers by which a client pretends to be someone, also in spellings that CGI does not tell apart. */
const forged = ['subject', 'user', 'scope', 'client'].flatMap((name) =>
  [`X-Latchkey-${name}`, `x_latchkey_${name}`, `X-Latchkey_${name}`, `X_LATCHKEY-${name}`].flatMap(
    (header) => [header, 'admin'],
  ),
)
const caller = {
  'x-latchkey-subject': 'johndoe',
  'x-latchkey-user': 'johndoe',
  'x-latchkey-scope': 'orders:read',
  'x-latchkey-client': 'shop',
}
const preflight = ['origin', 'https://app.example', 'access-control-request-method', 'PUT']

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
      ([name, value]) => /^x[-_]latchkey/.test(name) && value !== '',
    ),
  )
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

/** Returns a port that was free a moment ago: these proxies have to be told one. */
async function freePort(): Promise<number> {
  const server: Server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
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

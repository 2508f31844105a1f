import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { decode } from '../conformance/server.js'
import { makeFolder } from '../database/folder.js'
import { logIn } from '../helpers/app.js'
import { clonePlainDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { decodeList, revokedIn, revokeEntries, storeList } from '../helpers/status-lists.js'
import { until } from '../helpers/wait.js'
import { issuer, listen } from './server.js'

const python = process.env.OPENVC_PYTHON ?? '/usr/bin/python3'
const withoutPython =
  spawnSync(python, ['-c', 'import jwt, openvc.status.token_status_list']).status !== 0 &&
  `${python} lacks test/interop/status-lists/requirements.txt: set OPENVC_PYTHON to one of a virtual environment`
const withoutNginx = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : false
const run = promisify(execFile)

/** Returns the path of the list of an access token. */
function listOf(token: string): string {
  const { status } = decode(token, 1) as { status: { status_list: { uri: string } } }
  return status.status_list.uri.slice(issuer.length)
}

t.test('openvc-core, in Python, reads the status of a token', { skip: withoutPython }, async (t) => {
  for (const SIGNING_ALGORITHM of ['ES256', 'RS256']) {
    const { app, origin } = await listen(t, { SIGNING_ALGORITHM })
    const [token, other] = [await logIn(app, 'johndoe', 'secret'), await logIn(app, 'johndoe', 'secret')]
    const file = join(await makeFolder(t), 'list')
    const keys = await (await fetch(`${origin}/.well-known/jwks.json`)).text()
    const check = async (checked: string) => {
      writeFileSync(file, await (await fetch(`${origin}${listOf(checked)}`)).text())
      const { stdout } = await run(python, [
        'test/interop/status-lists/check.py',
        keys,
        issuer,
        checked,
        file,
      ])
      return JSON.parse(stdout) as { status: number; index: number; revoked: boolean }
    }
    await until(async () => (await fetch(`${origin}${listOf(token)}`)).status === 200)
    const { idx } = (decode(token, 1) as { status: { status_list: { idx: number } } }).status.status_list
    t.same(await check(token), { status: 0, index: idx, revoked: false })
    await revoke(app, token)
    await until(async () => (await check(token)).revoked)
    t.match(await check(other), { status: 0 }, 'and no other token')
  }
})

async function revoke(app: FastifyInstance, token: string): Promise<void> {
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/revoke',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ token, client_id: 'first-party' }).toString(),
  })
  if (statusCode !== 200) throw new Error(`the token was not revoked: ${statusCode}`)
}

t.test('nginx caches lists for a second', { skip: withoutNginx }, async (t) => {
  const url = await clonePlainDatabase(t)
  const feed = await startProxy(t, url)
  const { app } = await listen(
    t,
    { NODE_ENV: 'development', DATABASE_URL: url, DATABASE_DIRECT_URL: feed.url },
    url,
  )
  let requests = 0
  app.server.on('request', () => {
    requests += 1
  })
  const nginx = await startNginx(t, app)
  const list = await storeList(url)
  const read = (headers = {}) => nginx.get(`/status-lists/${list.id}`, headers)
  await until(async () => (await read()).status === 200)

  requests = 0
  const answers = await Promise.all(Array.from({ length: 50 }, () => read()))
  t.ok(answers.every(({ status }) => status === 200))
  t.ok(requests < 10, `${requests} of 50 requests reached the service`)

  const compressed = await read({ 'accept-encoding': 'gzip' })
  t.equal(compressed.headers['content-encoding'], 'gzip')
  t.same(decodeList(String(gunzipSync(compressed.body))).revoked(), [])
  const { etag } = answers[0]?.headers ?? {}
  await until(async () => (await read({ 'if-none-match': etag })).status === 304)

  await revokeEntries(url, list, 5)
  await until(async () => {
    const { status, body } = await read()
    return revokedIn({ statusCode: status ?? 0, body: String(body) })?.includes(list.indexOf(5)) === true
  })

  feed.cut()
  await until(async () => (await read()).status === 503)
  feed.open()
  await until(async () => (await read()).status === 200)
})

/** Starts nginx with the configuration of the documents, on a Unix socket. */
async function startNginx(t: Test, app: FastifyInstance) {
  const folder = await makeFolder(t)
  const socket = join(folder, 'nginx.sock')
  const { port } = app.server.address() as AddressInfo
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')
  const recipe = readFileSync('docs/reverse-proxies/nginx-status-lists.conf', 'utf8')
    .replace('127.0.0.1:8000', `127.0.0.1:${port}`)
    .replace('127.0.0.1:8080', `unix:${socket}`)
    .replace('/var/cache/nginx/status-lists', `${folder}/cache`)
    .replace('http {', `http { access_log off; ${temporary}`)
  writeFileSync(join(folder, 'nginx.conf'), recipe)
  const child = spawn(
    'nginx',
    ['-e', `${folder}/log`, '-c', `${folder}/nginx.conf`, '-g', `daemon off; pid ${folder}/pid;`],
    { stdio: 'ignore' },
  )
  t.teardown(async () => {
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  async function get(path: string, headers = {}) {
    const sent = request({ socketPath: socket, path, headers }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) }
  }
  await until(() =>
    get('/status-lists').then(
      () => true,
      () => false,
    ),
  )
  return { get }
}

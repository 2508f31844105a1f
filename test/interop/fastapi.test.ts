import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { clonePlainDatabase, newDatabase, setDefaults } from '../helpers/database.js'
import { plainDefaults } from '../helpers/hostile.js'
import { runPage } from '../helpers/page-commands.js'
import { startService } from '../helpers/service.js'

// Moves services of the FastAPI tutorial as docs/migrating-from-fastapi.md says, while their clients go on.

const python = process.env.FASTAPI_PYTHON ?? '/usr/bin/python3'
const requirements = 'test/interop/fastapi/requirements.txt'
const modules = 'import fastapi, jose, jwt, multipart, passlib, psycopg, pwdlib, uvicorn'
const isMissing = spawnSync(python, ['-c', modules]).status !== 0
const skip =
  isMissing && `${python} lacks ${requirements}: set FASTAPI_PYTHON to one of a virtual environment`

const secretKey = '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7'
const names = ['grace', 'ada', 'alan', 'barbara']

for (const library of ['pwdlib', 'passlib'])
  t.test(`a service with ${library} is replaced while its clients go on`, { skip }, async (t) => {
    const oldDatabase = await newDatabase(t)
    await setDefaults(oldDatabase, plainDefaults)
    const old = await startFastApi(t, library, oldDatabase)
    for (const username of names) await register(old, username)
    await query(oldDatabase, "UPDATE users SET disabled = true WHERE username = 'alan'")
    const proxy = await startSwitch(t, old)
    const clients = await Promise.all(
      names.filter((name) => name !== 'alan').map((name) => startClient(proxy.origin, name)),
    )

    const directory = t.testdir()
    const settings = {
      DATABASE_URL: await clonePlainDatabase(t),
      DATA_DIRECTORY: directory,
      JWT_SECRET: secretKey,
    }
    const { origin } = await startService(t, settings, 'dist/src/server.js')
    const origins = { 'http://localhost:8000': origin, 'http://localhost:9000': old }
    const env = { ...settings, OLD_DATABASE_URL: oldDatabase }
    t.match(await runPage('docs/migrating-from-fastapi.md', env, origins, directory), '4 created')

    await register(old, 'late')
    const late = await logIn(old, 'late')
    proxy.leadTo(origin)
    const again = ['users', 'import', '--from', oldDatabase]
    t.match(await runCommand(settings.DATABASE_URL, again), { stdout: /1 created, 4 existing/ })

    for (const client of clients) t.same(await client.stop(), new Set([200]), 'no request failed')
    t.equal(await statusOf(proxy.origin, late.token), 200, 'a token of a user who came late')
    for (const username of ['grace', 'ada', 'late'])
      for (const time of ['first', 'second'])
        t.equal((await logIn(proxy.origin, username)).status, 200, `${time} login of ${username}`)
    t.equal((await logIn(proxy.origin, 'grace', 'wrong')).status, 401)
    const { token } = await logIn(proxy.origin, 'alan')
    t.equal(await statusOf(proxy.origin, token), 400, 'who was disabled stays disabled')
  })

/** Starts the service, and returns its origin. It ends with the test. */
async function startFastApi(t: Test, library: string, url: string): Promise<string> {
  const child = spawn(python, ['test/interop/fastapi/service.py', library], {
    env: { ...process.env, DATABASE_URL: url, SECRET_KEY: secretKey },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await ended
  })
  let printed = ''
  for await (const text of child.stderr.setEncoding('utf8')) {
    printed += text
    const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? []
    if (origin) {
      child.stderr.resume()
      return origin
    }
  }
  throw new Error(printed)
}

/** Starts a proxy to one service, which can lead to another from one request to the next. */
async function startSwitch(t: Test, first: string) {
  let target = first
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    const onward = forward(`${target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(origin: string) {
      target = origin
    },
  }
}

async function register(origin: string, username: string): Promise<void> {
  const person = { username, password: 'secret', email: `${username}@example.com`, full_name: 'Grace Hopper' }
  await fetch(`${origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(person),
  })
}

async function logIn(origin: string, username: string, password = 'secret') {
  const body = new URLSearchParams({ username, password })
  const response = await fetch(`${origin}/token`, { method: 'POST', body })
  const { access_token: token = '' } = (await response.json()) as { access_token?: string }
  return { status: response.status, token }
}

async function statusOf(origin: string, token: string): Promise<number> {
  const response = await fetch(`${origin}/users/me/`, { headers: { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
  return response.status
}

/** Logs a user in once, and then reads the user over and over with that token. */
async function startClient(origin: string, username: string) {
  const { token } = await logIn(origin, username)
  const statuses = new Set<number>()
  let isStopped = false
  async function goOn(): Promise<void> {
    while (!isStopped) {
      statuses.add(await statusOf(origin, token))
      await delay(20)
    }
  }
  const done = goOn()
  return {
    /** Ends the client, and returns the statuses of all answers. */
    async stop() {
      isStopped = true
      await done
      return statuses
    },
  }
}

import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from './database/folder.js'
import { embeddedUrl, readPid, untilReleased } from './database/postmaster.js'
import { query } from './database/query.js'
import { runCommand } from './helpers/command.js'
import { cloneDatabase } from './helpers/database.js'
import { beginTransaction } from './helpers/replicas.js'
import {
  type RunningProgram,
  type Service,
  type ServiceFile,
  startProgram,
  startService,
} from './helpers/service.js'

const built = 'dist/src/server.js'

t.test('without DATABASE_URL the service starts its own database, and keeps the data', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  const start = (file: ServiceFile) => startProgram(t, file, { DATA_DIRECTORY: folder, PORT: '0' })

  const first = start('src/server.ts')
  const origin = await untilGreeted(first)
  t.match(first.stdout, /Log in .* johndoe \/ secret/)
  t.match(first.stdout, `its links are printed here, and ${folder}/mail has`)
  t.equal((await fetch(`${origin}/readyz`)).status, 200)
  t.notMatch(first.stdout, '/readyz', 'probes are not logged')
  t.strictSame(await readItems(origin), [{ item_id: 'Foo', owner: 'johndoe' }])
  await query(
    embeddedUrl(home),
    "INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, 'Bar' FROM users WHERE username = 'johndoe'",
  )
  const pid = readPid(home) ?? 0
  first.process.kill('SIGTERM')
  t.equal(await first.ends(), 0)
  t.equal(first.stderr, '')
  const [stopping, stopped] = first.stdout.trimEnd().split('\n').slice(-2)
  t.match(stopping, /"level":30,.*"signal":"SIGTERM","msg":"stopping"/)
  t.match(stopped, /"level":30,.*"msg":"stopped"/)
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'PostgreSQL has ended')

  const second = start(built)
  const secondOrigin = await untilGreeted(second)
  const items = await readItems(secondOrigin)
  t.strictSame(items.map(({ item_id }) => item_id).sort(), ['Bar', 'Foo'])
  renameSync(home, `${home}.removed`)
  t.equal((await fetch(`${secondOrigin}/readyz`)).status, 503, 'the data are not where they were')
  await second.prints('the data of the embedded PostgreSQL have been removed')
  renameSync(`${home}.removed`, home)
  t.equal((await fetch(`${secondOrigin}/readyz`)).status, 200)
  second.process.kill('SIGINT')
  t.equal(await second.ends(), 0)
  t.equal(readPid(home), null)

  const third = start('src/server.ts')
  await untilAnswering(home)
  third.process.kill('SIGTERM')
  t.equal(await third.ends(), 0, 'a signal during the start ends it')
  t.equal(third.stderr, '')
  t.notMatch(third.stdout, 'listening', 'and the start goes no further')
  await untilReleased(home)

  const fourth = start(built)
  await untilGreeted(fourth)
  fourth.process.kill('SIGKILL')
  t.equal(await fourth.ends(), 'SIGKILL')
  await t.resolves(untilReleased(home), 'PostgreSQL ends when the service is killed')
})

t.test('the service ends with one line when its PostgreSQL is killed, and starts again', async (t) => {
  const folder = await makeFolder(t)
  const home = join(folder, 'postgres')
  const start = () => startProgram(t, 'src/server.ts', { DATA_DIRECTORY: folder, PORT: '0' })
  const first = start()
  const origin = await untilGreeted(first)
  process.kill(readPid(home) ?? 0, 'SIGKILL')
  await fetch(`${origin}/readyz`).catch(() => {})
  t.equal(await first.ends(), 1)
  t.equal(first.stderr, 'latchkey: the embedded PostgreSQL has ended unexpectedly (exit status 137)\n')
  t.notMatch(first.stdout, 'have been removed')
  const env = { DATA_DIRECTORY: folder }
  await untilSuccess(async () => {
    const { status, stderr } = await runCommand('', ['users', 'list'], { env })
    if (status !== 0) throw new Error(stderr)
  })
  const second = start()
  await untilGreeted(second)
})

t.test('a port in use is reported in one line, and nothing is left running', async (t) => {
  const folder = await makeFolder(t)
  const occupant = createServer().listen(0, '127.0.0.1')
  await once(occupant, 'listening')
  t.teardown(() => occupant.close())
  const { port } = occupant.address() as AddressInfo
  const program = startProgram(t, 'src/server.ts', { DATA_DIRECTORY: folder, PORT: String(port) })
  t.equal(await program.ends(), 1)
  t.equal(
    program.stderr,
    `latchkey: cannot listen: address already in use 127.0.0.1:${port}; see HOST and PORT\n`,
  )
  t.equal(readPid(join(folder, 'postgres')), null)
})

const refusals: [what: string, env: Record<string, string>, args: string[], line: RegExp][] = [
  ['an unknown setting', { JWT_SECRTE: 'x' }, [], /unknown setting JWT_SECRTE: did you mean JWT_SECRET\? .*/],
  ['an argument', {}, ['--port=80'], /unknown argument --port=80; settings are environment variables/],
]

t.test('an error that the operator can correct is one line, with exit status 1', async (t) => {
  const programs = refusals.map(([, env, args]) => startProgram(t, 'src/server.ts', env, { args }))
  for (const [index, [what, , , line]] of refusals.entries()) {
    const program = programs[index] as RunningProgram
    t.equal(await program.ends(), 1, what)
    t.match(program.stderr, new RegExp(`^latchkey: ${line.source}\n$`), what)
    t.equal(program.stdout, '', what)
  }
})

t.test('a database that cannot be prepared yet delays the start', async (t) => {
  const url = await cloneDatabase(t)
  const holder = await beginTransaction(t, url, 'LOCK TABLE signing_keys')
  const program = startProgram(t, 'src/server.ts', {
    PORT: '0',
    DATABASE_URL: url,
    DATABASE_TIMEOUT_SECONDS: '2',
  })
  await program.prints('the database could not be prepared yet')
  await holder.query('ROLLBACK')
  await program.prints('Latchkey is ready.')
})

t.test('a login in progress is answered before a signal and its echo end the service', async (t) => {
  const { origin, program } = await startService(t, { BCRYPT_COST: '12', LOG_LEVEL: 'debug' })
  let answered = false
  const login = logIn(origin).finally(() => {
    answered = true
  })
  await program.prints('incoming request')
  t.equal(answered, false)
  program.process.kill('SIGHUP')
  program.process.kill('SIGHUP')
  t.type(await login, 'string')
  t.equal(await program.ends(), 0)
  t.equal(program.stderr, '')
})

t.test('a later second signal ends the service despite a hanging request', async (t) => {
  const { program, ...service } = await startService(t, { LOG_LEVEL: 'debug' })
  await sendHalfARequest(service)
  await program.prints('incoming request')
  const insisting = setInterval(() => program.process.kill('SIGINT'), 20)
  t.teardown(() => clearInterval(insisting))
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: SIGINT while closing\n$/)
})

t.test('a hanging request is aborted, and the service ends with exit status 0', async (t) => {
  const { program, ...service } = await startService(t, { LOG_LEVEL: 'debug' })
  await sendHalfARequest(service)
  await program.prints('incoming request')
  program.process.kill('SIGTERM')
  t.equal(await program.ends(), 0)
  t.equal(program.stderr, '')
})

async function untilGreeted(program: RunningProgram): Promise<string> {
  await program.prints('Ctrl-C')
  const { origin } = new URL(/Try it +(http:\/\/localhost:\d+\/docs)\n/.exec(program.stdout)?.[1] ?? '')
  return origin
}

/** Resolves when the embedded PostgreSQL answers, which is when its service is about to migrate. */
async function untilAnswering(home: string): Promise<void> {
  await untilSuccess(() => query(embeddedUrl(home), 'SELECT 1'))
}

async function untilSuccess(action: () => Promise<unknown>): Promise<void> {
  for (;;)
    try {
      await action()
      return
    } catch {}
}

async function logIn(origin: string): Promise<string> {
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const response = await fetch(`${origin}/token`, { method: 'POST', body })
  const { access_token: token } = (await response.json()) as { access_token: string }
  return token
}

async function readItems(origin: string): Promise<{ item_id: string }[]> {
  const headers = { authorization: `Bearer ${await logIn(origin)}` }
  return (await fetch(`${origin}/users/me/items/`, { headers })).json() as Promise<{ item_id: string }[]>
}

async function sendHalfARequest({ host, port }: Pick<Service, 'host' | 'port'>): Promise<void> {
  const socket = connect(port, host).on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n',
  )
}

import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { runCommandLine } from '../../src/cli/program.js'
import { startEmbeddedPostgres } from '../../src/database/embedded/index.js'
import { migrate } from '../../src/database/migrations.js'
import { makeFolder } from '../database/folder.js'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { startProgram } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

/** Records an event whose id has a time so many minutes ago, as an id of the service would. */
const record = (url: string, subject: string, minutesAgo = 0) =>
  query(
    url,
    `INSERT INTO events (id, action, outcome, subject) SELECT (
       encode(substring(int8send(ms) FROM 3) || substring(uuid_send(gen_random_uuid()) FROM 7), 'hex')
     )::uuid, 'login', 'ok', $1
     FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - $2::int * 60000 AS ms) AS clock`,
    [subject, minutesAgo],
  )

/** Follows the events in this process. */
function follow(url: string, args: string[] = [], { stdout = new PassThrough(), env = {} } = {}) {
  const stderr = new PassThrough()
  let printed = ''
  let problems = ''
  stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  stderr.setEncoding('utf8').on('data', (text: string) => {
    problems += text
  })
  const io = {
    env: { DATABASE_URL: url, ...env },
    stdin: new PassThrough(),
    stdout,
    stderr,
    nodeVersion: '24.1.0',
    now: new Date(),
  }
  const ended = runCommandLine(['events', '--follow', ...args], io)
  return {
    text: () => printed,
    problems: () => problems,
    subjects: () =>
      printed
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { subject: string }).subject),
    ended,
    interrupt() {
      process.emit('SIGINT')
      return ended
    },
  }
}

/** Returns whether a command has a connection for reading events. */
async function isConnected(url: string): Promise<boolean> {
  const found = await query(
    url,
    "SELECT FROM pg_stat_activity WHERE application_name = 'latchkey events' AND query LIKE '%pg_current_snapshot%'",
  )
  return found.length > 0
}

t.test('new events are printed as lines of JSON until Ctrl-C', async (t) => {
  const url = await cloneDatabase(t)
  await record(url, 'before')
  const following = follow(url, ['--json', '--action', 'login'])
  await until(() => isConnected(url))
  await record(url, 'one\u202e')
  await until(() => following.subjects().length === 1)
  await record(url, 'two')
  await until(() => following.subjects().length === 2)
  t.same(following.subjects(), ['one\u202e', 'two'])
  t.match(following.text(), /"subject":"one\\u202e"/, 'what could control a terminal is escaped')
  t.equal(await following.interrupt(), 0)
  t.equal(following.problems(), '')
})

t.test('without --json events are lines of a table, from a time on', async (t) => {
  const url = await cloneDatabase(t)
  for (const [subject, minutesAgo] of Object.entries({ oldest: 120, older: 30, old: 10 }))
    await record(url, subject, minutesAgo)
  const following = follow(url, ['--since', '1h'])
  await until(() => following.text().includes('older') && following.text().includes('old '))
  await record(url, 'new')
  await until(() => following.text().includes('new'))
  t.equal(await following.interrupt(), 0)
  t.match(
    following.text(),
    /^\S{24} {2}login {21}ok {7}- {21}older {17}- {16}1\n\S+ +login +ok +- +old +- +1\n\S+ +login +ok +- +new +- +1\n$/,
  )
  const list = async (since: string) => {
    const { stdout } = await runCommand(url, ['events', '--json', '--since', since])
    return (JSON.parse(stdout) as { subject: string }[]).map(({ subject }) => subject)
  }
  t.same(await list('15m'), ['new', 'old'])
  t.same(await list('1d'), ['new', 'old', 'older', 'oldest'])
  t.same(await list('7200s'), ['new', 'old', 'older'])
  t.same(await list('2200-01-01T00:00:00.5+01:00'), [])
  t.same((await list('2020-01-01T00:00:00Z')).length, 4)
  for (const since of [
    'yesterday',
    '1w',
    '-1h',
    '2026-13-01T00:00:00Z',
    '2026-01-01',
    '1969-01-01T00:00:00Z',
  ])
    t.match(
      await runCommand(url, ['events', `--since=${since}`]),
      { status: 2, stderr: /--since must be a time such as/ },
      since,
    )
})

t.test('a lost connection is made again, and no event is lost or repeated', async (t) => {
  const url = await cloneDatabase(t)
  const proxy = await startProxy(t, url)
  const following = follow(proxy.url, ['--json'])
  await until(() => isConnected(url))
  await record(url, 'one')
  await until(() => following.subjects().length === 1)
  proxy.cut()
  await record(url, 'two')
  await until(() => following.problems().includes('connecting again'))
  proxy.open()
  await until(() => following.subjects().length === 2)
  await record(url, 'three')
  await until(() => following.subjects().length === 3)
  t.same(following.subjects(), ['one', 'two', 'three'])
  proxy.cut()
  await until(() => (following.problems().match(/connecting again/g) ?? []).length > 1)
  t.equal(await following.interrupt(), 0, 'while there is no connection')
})

t.test('the embedded PostgreSQL is found again on another port', async (t) => {
  const folder = await makeFolder(t)
  const start = () => startEmbeddedPostgres(join(folder, 'postgres'))
  const first = await start()
  await migrate(first.url)
  const following = follow('', ['--json'], { env: { DATA_DIRECTORY: folder } })
  await until(() => isConnected(first.url))
  await record(first.url, 'one')
  await until(() => following.subjects().length === 1)
  await first.stop()
  await until(() => following.problems().includes('connecting again'))
  const second = await start()
  t.teardown(second.stop)
  t.not(second.url, first.url)
  await record(second.url, 'two')
  await until(() => following.subjects().length === 2)
  t.same(following.subjects(), ['one', 'two'])
  t.equal(await following.interrupt(), 0)
})

t.test('a server that does not answer does not hold up Ctrl-C', async (t) => {
  const url = await cloneDatabase(t)
  const proxy = await startProxy(t, url)
  const following = follow(proxy.url, ['--json'])
  await until(() => isConnected(url))
  proxy.stall()
  await record(url, 'unread')
  t.equal(await following.interrupt(), 0)
})

t.test('an error that is no outage ends the command', async (t) => {
  const url = await cloneDatabase(t)
  const following = follow(url)
  await until(() => isConnected(url))
  await query(url, 'ALTER TABLE events RENAME COLUMN xid TO other')
  t.equal(await following.ended, 1)
  t.match(following.problems(), /column "xid" does not exist/)
})

t.test('a slow reader is waited for', async (t) => {
  const url = await cloneDatabase(t)
  for (let event = 0; event < 3; event++) await record(url, `event${event}`, 1)
  const stdout = new PassThrough({ highWaterMark: 1 })
  const following = follow(url, ['--json', '--since', '1h'], { stdout })
  await until(() => following.subjects().length === 3)
  stdout.pause()
  await record(url, 'unread')
  await until(() => stdout.writableNeedDrain)
  t.equal(await following.interrupt(), 0)
})

t.test('--follow has no limit', async (t) => {
  const { status, stderr } = await runCommand(await cloneDatabase(t), ['events', '--follow', '--limit', '1'])
  t.match({ status, stderr }, { status: 2, stderr: /cannot be used with/ })
})

t.test('the program ends with 0 on SIGINT, on SIGTERM, and when its reader closes the pipe', async (t) => {
  const url = await cloneDatabase(t)
  const env = { DATABASE_URL: url }
  for (const signal of ['SIGINT', 'SIGTERM', 'closed pipe'] as const) {
    const args = ['events', '--follow', '--since', '1h']
    await record(url, signal)
    const program = startProgram(t, 'dist/src/cli/latchkey.js', env, { args })
    await program.prints(signal)
    if (signal !== 'closed pipe') program.process.kill(signal)
    else {
      program.process.stdout.destroy()
      await record(url, 'unread')
    }
    t.equal(await program.ends(), 0, signal)
  }
})

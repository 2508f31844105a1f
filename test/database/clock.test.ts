import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { shiftClock } from '../helpers/clock.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

// Stored times, and all decisions about them, use the clock of the database, in SQL.

const root = process.cwd()

/** Maximum number of uses of the process's clock in a file, and why they decide nothing about a row. */
const allowed: Record<string, [times: number, reason: string]> = {
  'src/auth/clients/assertion.ts': [1, 'the times of a token'],
  'src/auth/clients/workload.ts': [1, 'the times of a token'],
  'src/auth/token.ts': [1, 'the times of a token'],
  'src/auth/authenticate.ts': [1, 'the times of a token'],
  'src/auth/forward-auth.ts': [1, 'the times of a token'],
  'src/auth/introspect.ts': [1, 'the times of a token'],
  'src/auth/revoke.ts': [1, 'the times of a token'],
  'src/cli/doctor/database.ts': [2, 'compares both clocks'],
  'src/cli/latchkey.ts': [1, 'support of Node.js, which the doctor checks'],
  'src/email/transport.ts': [1, 'the name of a file'],
  'src/http/log/ecs.ts': [1, 'the time of a line in the log'],
  'src/http/server/refusals.ts': [1, 'the header Date'],
  'src/lifecycle/periodic.ts': [2, 'a metric'],
}

t.test('no source uses the clock of the process for a row', (t) => {
  const folders = ['src', 'prisma'].map((folder) => join(root, folder))
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[jt]s$/.test(file) && !/\.d\.ts$|generated|assets/.test(file))
      .map((file) => join(folder, file)),
  )
  t.ok(sources.length > 80)
  for (const source of sources) {
    const times = readFileSync(source, 'utf8').match(/\bDate\.now\b|\bDate\(\)/g)?.length ?? 0
    const file = relative(root, source).replace(/\.js$/, '.ts')
    const [maximum, reason] = allowed[file] ?? [0, 'use the clock of the database: now(), in SQL']
    if (times > maximum) t.fail(`${file}: ${reason}`)
  }
  t.end()
})

t.test("neither does Prisma, whose now() is the process's clock", (t) => {
  const schema = readFileSync(join(root, 'prisma/schema.prisma'), 'utf8')
  t.notMatch(schema, /@updatedAt|now\(\)\)/)
  t.end()
})

for (const hours of [-100 * 24, 100 * 24])
  t.test(
    `rows have the times of the database when the clock of the process is ${hours} hours off`,
    async (t) => {
      const url = await cloneDatabase(t)
      const app = await startApp(t, { JWT_SECRET: '', REGISTRATION: 'open' }, url)
      shiftClock(t, hours * 3600)
      const registration = { username: 'janedoe', password: 'correct horse', email: 'jane@example.com' }
      t.equal((await as(app, null).post('/users/', registration)).statusCode, 202)
      await runCommand(url, ['users', 'set-scopes', 'janedoe', '--scope', 'users:admin'])
      await runCommand(url, ['clients', 'create', 'reports', '--name', 'Reports'])
      await runCommand(url, ['keys', 'rotate'])
      const token = await logIn(app, 'janedoe', 'correct horse', 'me items:write users:admin')
      t.equal((await postToken(app, { username: 'janedoe', password: 'wrong' })).statusCode, 401)
      t.equal((await as(app, token).put('/users/me/items/a', {})).statusCode, 201)
      t.equal((await as(app, token).put('/users/me/items/a', { title: 'x' })).statusCode, 200)
      t.equal((await as(app, token).patch('/users/me/', { full_name: 'Jane' })).statusCode, 200)
      t.equal((await as(app, token).post('/invitations/')).statusCode, 201)
      const { refresh_token } = (
        await postToken(app, { grant_type: 'password', username: 'janedoe', password: 'correct horse' })
      ).json<{ refresh_token: string }>()
      await as(app, null).post('/account/forgot-password', { email: 'jane@example.com' })
      await app.inject({
        method: 'POST',
        url: '/revoke',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: `token=${refresh_token}`,
      })
      for (const { table, column } of await listTimes(url)) {
        const wrong = await query(
          url,
          `SELECT FROM ${table} WHERE abs(extract(epoch FROM ${column} - now())) > 3600`,
        )
        t.equal(wrong.length, 0, `${table}.${column}`)
      }
    },
  )

/** Returns the columns of past times. */
async function listTimes(url: string) {
  const columns = await query<{ table: string; column: string }>(
    url,
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND data_type = 'timestamp with time zone' AND table_name NOT LIKE '\\_%'
       AND column_name !~ '(expires|until|signs|closes|retires)'`,
  )
  return columns
}

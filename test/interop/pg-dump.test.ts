import t from 'tap'
import { migrate } from '../../src/database/migrations.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { newDatabase } from '../helpers/database.js'
import { debianPrograms, startDebianPostgres, withoutDebianPostgres } from '../helpers/debian-postgres.js'
import { good, issueTokens, judge, refused } from '../helpers/judged-tokens.js'
import { runScript, sectionOf } from '../helpers/page-commands.js'
import { createDatabase } from '../helpers/server.js'

// The commands of docs/operations.md, with PostgreSQL 15 and the programs that Debian brings with it.

const ring = { JWT_SECRET: '' }

t.test('pg_dump and pg_restore of PostgreSQL 15', { skip: withoutDebianPostgres }, async (t) => {
  const server = await startDebianPostgres(t)
  const url = await createDatabase(server, 'template0')
  await migrate(url)
  await runCommand(url, ['seed'])
  const app = await startApp(t, ring, url)
  const { stdout } = await runCommand(url, [
    ...['clients', 'create', 'reports', '--name', 'Reports', '--json'],
    ...['--grant', 'client_credentials', '--scope', 'x', '--right', 'introspect'],
  ])
  const { client_secret: secret } = JSON.parse(stdout) as { client_secret: string }
  const before = await issueTokens(app, secret)
  const [dump, restore] = sectionOf('docs/operations.md', '### pg_dump').split(/(?=^pg_restore)/m)
  const folder = t.testdir()
  const env = {
    DATABASE_URL: url,
    RESTORED_URL: await createDatabase(server, 'template0'),
    PATH: `${debianPrograms}:${process.env.PATH}`,
  }
  await runScript(String(dump), env, folder)
  await runCommand(url, ['tokens', 'revoke', '--client', 'reports'])
  const after = await issueTokens(app, secret)
  t.match(
    await runScript(String(restore), env, folder),
    /All tokens, mailed links and invitations are revoked\./,
  )

  const restored = await startApp(t, ring, env.RESTORED_URL)
  t.strictSame(await judge(restored, secret, before), refused)
  t.strictSame(await judge(restored, secret, after), refused)
  t.strictSame(await judge(restored, secret, await issueTokens(restored, secret)), good)

  t.test('and latchkey backup, between versions of PostgreSQL', async (t) => {
    const file = `${folder}/latchkey.backup`
    t.match(await runCommand(url, ['backup', file]), { status: 0 })
    for (const target of [await newDatabase(t), await createDatabase(server, 'template0')])
      t.match(await runCommand(target, ['restore', file]), { status: 0, stderr: '' })
  })
})

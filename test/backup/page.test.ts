import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { clonePlainDatabase, newDatabase } from '../helpers/database.js'
import { runScript, sectionOf } from '../helpers/page-commands.js'
import { until } from '../helpers/wait.js'
import { createWebhook, type ReceivedMessage, startReceiver } from '../helpers/webhooks.js'

// The commands of docs/operations.md that need a second database, or stop the service.

const page = 'docs/operations.md'
const ring = { JWT_SECRET: '' }
const secret = { KEY_ENCRYPTION_SECRET: 'a secret of the operator, 32 characters' }

/** Executes the statements that the page gives to psql, as the tests may run where there is no psql. */
const psql = `#!/usr/bin/env bash
[ "$1" = --command ] && URL="$3" exec node -e '
  const pg = require(process.env.ROOT + "/node_modules/pg")
  const client = new pg.Client(process.env.URL)
  client.connect().then(() => client.query(process.argv[1])).finally(() => client.end())
' "$2"
`

t.test('a backup of the embedded database, or of any other, is restored', async (t) => {
  const url = await clonePlainDatabase(t)
  const folder = t.testdir()
  const env = { DATABASE_URL: url, RESTORED_URL: await newDatabase(t), DATA_DIRECTORY: folder }
  await runCommand(url, ['backup', join(folder, 'latchkey.backup')])
  const script = sectionOf(page, '### latchkey backup').replace('latchkey doctor', 'latchkey doctor || true')
  const stdout = await runScript(script, env, folder)
  t.match(stdout, /^Restored \d+ rows of \d+ tables, as of .*\nAll tokens.* are revoked\.$/m)
  t.match(stdout, /^ok +migrations/m)
  t.match(await runCommand(env.RESTORED_URL, ['users', 'list']), { stdout: /johndoe/ })
})

t.test('a database moves, and tokens stay valid', async (t) => {
  const url = await clonePlainDatabase(t)
  const app = await startApp(t, { ...ring, ...secret }, url)
  const token = await logIn(app, 'johndoe', 'secret', 'me')
  await app.close()
  const env = { DATABASE_URL: url, RESTORED_URL: await newDatabase(t) }
  await runScript(sectionOf(page, '## Move to another database'), env, t.testdir())
  const moved = await startApp(t, { ...ring, ...secret }, env.RESTORED_URL)
  t.equal((await as(moved, token).get('/users/me/')).statusCode, 200)
})

t.test('a database whose secret is lost gets new keys', async (t) => {
  const url = await clonePlainDatabase(t)
  const app = await startApp(t, { ...ring, ...secret }, url)
  const token = await logIn(app, 'johndoe', 'secret', 'me')
  await app.close()
  const receiver = await startReceiver(t)
  await createWebhook(url, 'audit', { ...receiver, settings: { ...receiver.settings, ...secret } })
  const other = { KEY_ENCRYPTION_SECRET: 'another secret of the operator, as long' }
  await t.rejects(startApp(t, { ...ring, ...other }, url), { message: /another KEY_ENCRYPTION_SECRET/ })

  const folder = t.testdir({ psql })
  chmodSync(join(folder, 'psql'), 0o755)
  const env = { DATABASE_URL: url, PATH: `${folder}:${process.env.PATH}` }
  await runScript(sectionOf(page, '## Loss of a secret'), env, folder)
  const mended = await startApp(t, { ...ring, ...other, ...receiver.settings }, url)
  await mended.ready()
  const rotation = ['webhooks', 'rotate-secret', 'audit']
  t.match(await runCommand(url, rotation, { env: other }), {
    status: 1,
    stderr: /rotate-secret NAME --now$/m,
  })
  const rotated = await runCommand(url, [...rotation, '--now', '--json'], { env: other })
  t.equal((await as(mended, token).get('/users/me/')).statusCode, 401)
  t.equal((await postToken(mended, { username: 'johndoe', password: 'secret' })).statusCode, 200)
  await until(() => receiver.received.length > 0)
  const [{ headers, body }] = receiver.received as [ReceivedMessage]
  t.ok(new Webhook(JSON.parse(rotated.stdout).secret).verify(body, headers as Record<string, string>))
})

t.test('the commands about orphans run', async (t) => {
  const url = await clonePlainDatabase(t)
  await query(url, 'ALTER TABLE items DISABLE TRIGGER USER')
  await query(
    url,
    "INSERT INTO items (id, owner_id, item_id) VALUES (gen_random_uuid(), gen_random_uuid(), 'x')",
  )
  const script = sectionOf(page, '### What a restore forgets').replace(/orphans$/m, 'orphans || true')
  await runScript(script.replace('remove', 'remove --yes'), { DATABASE_URL: url }, t.testdir())
  t.match(await runCommand(url, ['doctor', '--orphans']), { status: 0 })
})

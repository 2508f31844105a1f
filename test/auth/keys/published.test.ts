import t from 'tap'
import { listKeys } from '../../../src/auth/keys/key-store.js'
import { rotateKeys, rotationPlan } from '../../../src/auth/keys/rotation.js'
import { loadConfig } from '../../../src/config/index.js'
import { developmentSecret, publishedSecrets } from '../../../src/config/production.js'
import { sealingKey } from '../../../src/sealing/seal.js'
import { query } from '../../database/query.js'
import { logIn, postToken, startApp, untilConnected } from '../../helpers/app.js'
import { as } from '../../helpers/client.js'
import { storeClient } from '../../helpers/clients.js'
import { runCommand } from '../../helpers/command.js'
import { cloneDatabase } from '../../helpers/database.js'
import { until } from '../../helpers/wait.js'

// Anybody who has seen the database can decrypt keys that were sealed under a published secret.

const ring = { JWT_SECRET: '', JWKS_MAX_AGE_SECONDS: '1' }
const KEY_ENCRYPTION_SECRET = 'a secret of this deployment alone, long enough'

for (const published of publishedSecrets)
  for (const previous of [{}, { KEY_ENCRYPTION_SECRET_PREVIOUS: published }])
    t.test(`keys sealed under "${published.slice(0, 9)}…" are replaced and never resealed`, async (t) => {
      const url = await cloneDatabase(t)
      const exposed = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: published }, url)
      const login = await postToken(exposed, {
        grant_type: 'password',
        username: 'johndoe',
        password: 'secret',
      })
      const { access_token: token, refresh_token } = login.json<Record<string, string>>()
      await exposed.close()
      await query(
        url,
        "INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ('a', 'a', true, '{}', '{}')",
      )
      await query(url, "INSERT INTO client_secrets (client_id, slot, digest) VALUES ('a', 1, sha256('x'))")
      const [before] = await listMacKeys(url)

      const app = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET, ...previous }, url)
      const [replaced, fresh, ...others] = await listKeys(app.database)
      t.match(replaced, { retiredAt: Date, sealedPrivateKey: null })
      t.match(fresh, { retiredAt: null, sealedUnder: sealingKey(KEY_ENCRYPTION_SECRET).id })
      t.same(others, [])
      t.equal((await as(app, String(token)).get('/users/me/')).statusCode, 401)
      const refresh = { grant_type: 'refresh_token', refresh_token: String(refresh_token) }
      t.equal((await postToken(app, refresh)).statusCode, 200, 'refresh tokens are not signed')
      t.equal((await as(app, await logIn(app, 'johndoe', 'secret')).get('/users/me/')).statusCode, 200)
      const [after] = await listMacKeys(url)
      t.match(after, { sealed_under: sealingKey(KEY_ENCRYPTION_SECRET).id })
      t.notSame(after, before)
      t.same(await query(url, 'SELECT FROM client_secrets'), [], 'their digests depend on the MAC key')
      const [event] = await query(url, "SELECT FROM events WHERE action = 'keys_rotated'")
      t.ok(event, 'it is recorded')
    })

t.test('while a published secret is the current one, nothing is replaced', async (t) => {
  const url = await cloneDatabase(t)
  const first = await startApp(t, ring, url)
  const token = await logIn(first, 'johndoe', 'secret')
  const mac = await listMacKeys(url)
  const second = await startApp(t, ring, url)
  t.equal((await as(second, token).get('/users/me/')).statusCode, 200)
  t.same(await listMacKeys(url), mac)
})

t.test('a key that another process seals under a published secret is ignored', async (t) => {
  const app = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET })
  const plan = { ...rotationPlan(loadConfig({})), leadSeconds: 0 }
  const made = await rotateKeys(app.database, plan, sealingKey(developmentSecret), () => true)
  await app.changes.sync()
  await as(app, await logIn(app, 'johndoe', 'secret')).get('/users/me/')
  t.notMatch((await app.inject('/.well-known/jwks.json')).body, made?.kid)
  await until(async () => {
    const stored = (await listKeys(app.database)).find(({ kid }) => kid === made?.kid)
    return stored?.retiredAt !== null
  })
})

t.test('a command that has to replace the MAC key reports it', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, ring, url)
  await storeClient(app.database, 'reports', 'lks_reports')
  const env = { KEY_ENCRYPTION_SECRET }
  const rotate = () => runCommand(url, ['clients', 'rotate-secret', 'reports', '--json'], { env })
  t.match(await rotate(), { status: 0, stderr: /^latchkey: the secrets of all clients were removed: .*\n$/ })
  t.match(await rotate(), { status: 0, stderr: '' })
  t.equal((await query(url, 'SELECT FROM client_secrets')).length, 2)
})

t.test('a command before the first start with a secret of its own uses no exposed key', async (t) => {
  const url = await cloneDatabase(t)
  await startApp(t, ring, url)
  const create = { input: 'correct horse\n', env: { KEY_ENCRYPTION_SECRET } }
  t.match(await runCommand(url, ['users', 'create', 'janedoe'], create), { status: 0, stderr: '' })
  const digests = await query(
    url,
    "SELECT FROM taken_names JOIN users ON users.id = user_id WHERE username = 'janedoe'",
  )
  t.equal(digests.length, 0, 'the service claims the name with the key that it creates')
  await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET }, url)
})

t.test('a new MAC key is followed, unless it cannot be decrypted here', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, ring, url)
  await untilConnected(app)
  await storeClient(app.database, 'reports', 'lks_reports')
  const credentials = { client_id: 'reports', client_secret: 'lks_reports' }
  const ask = async () =>
    (await postToken(app, { grant_type: 'client_credentials', ...credentials })).statusCode
  t.equal(await ask(), 200)
  await query(url, "UPDATE mac_keys SET sealed_under = 'another'")
  t.equal(await ask(), 200, 'another replica has sealed it under a new secret')
  await query(url, 'DELETE FROM mac_keys')
  t.equal(await ask(), 401)
  await app.database.$executeRaw`ALTER TABLE mac_keys RENAME TO hidden_keys`
  await app.database.$executeRaw`DELETE FROM hidden_keys`
  t.equal(await ask(), 500, 'other errors are reported')
  await app.database.$executeRaw`ALTER TABLE hidden_keys RENAME TO mac_keys`
  t.equal(await ask(), 401)
})

function listMacKeys(url: string) {
  return query<{ sealed_under: string }>(url, 'SELECT sealed_under, sealed_key FROM mac_keys')
}

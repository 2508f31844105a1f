import t from 'tap'
import { stateOf } from '../../../src/auth/keys/lifecycle.js'
import { rotationPlan, sealingKeysOf } from '../../../src/auth/keys/ring.js'
import { listKeys, openPrivateKey, retireKey, rotateKeys } from '../../../src/auth/keys/store.js'
import { loadConfig } from '../../../src/config.js'
import { getAs, logIn, postToken, startApp } from '../../helpers/app.js'
import { cloneDatabase } from '../../helpers/database.js'
import { until } from '../../helpers/wait.js'

const ring = { JWT_SECRET: '', JWKS_MAX_AGE_SECONDS: '1' }

interface Jwks {
  keys: Record<string, string>[]
}

const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid

t.test('the first start makes a key of the algorithm asked for', async (t) => {
  for (const [algorithm, members] of [
    ['ES256', { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }],
    ['RS256', { kty: 'RSA', e: 'AQAB', alg: 'RS256', use: 'sig' }],
  ] as const) {
    const app = await startApp(t, { ...ring, SIGNING_ALGORITHM: algorithm })
    const { keys } = (await app.inject('/.well-known/jwks.json')).json<Jwks>()
    t.equal(keys.length, 1)
    t.match(keys[0], members)
    const token = await logIn(app, 'johndoe', 'secret')
    t.equal(kidOf(token), keys[0]?.kid)
    t.equal((await getAs(app, token, '/users/me/')).statusCode, 200)
    t.notOk(JSON.stringify(keys).includes('"d"'), 'nothing private')
  }
})

t.test('a key that grows old is followed by a new one, and retired with its last token', async (t) => {
  const app = await startApp(t, ring)
  const { database } = app
  const token = await logIn(app, 'johndoe', 'secret')
  const first = kidOf(token)
  const age = async (kid: string, days: number) =>
    database.signingKey.update({
      where: { kid },
      data: { signsAt: new Date(Date.now() - days * 86_400_000) },
    })
  const listed = async () =>
    (await app.inject('/.well-known/jwks.json')).json<Jwks>().keys.map(({ kid }) => kid)

  await age(first, 31)
  await until(async () => (await listed()).length === 2)
  const states = async () => {
    const keys = await listKeys(database)
    return keys.map((key) => stateOf(key, keys, new Date()))
  }
  await until(async () => (await states()).join() === 'verifying,signing')
  await until(async () => kidOf(await logIn(app, 'johndoe', 'secret')) !== first)
  t.equal((await getAs(app, token, '/users/me/')).statusCode, 200, 'the old key verifies')

  const second = (await listed()).find((kid) => kid !== first) ?? ''
  await age(second, 1)
  await until(async () => (await listed()).length === 1)
  t.equal((await getAs(app, token, '/users/me/')).statusCode, 401)
  const keys = await listKeys(database)
  t.equal(keys.find(({ kid }) => kid === first)?.sealedPrivateKey, null, 'its private half is erased')
  t.equal(await retireKey(database, first), false, 'once is enough')
  const retired = keys.find(({ kid }) => kid === first)
  t.throws(() => retired && openPrivateKey(retired, sealingKeysOf(loadConfig({}))), { message: /is damaged/ })
})

t.test('another algorithm takes over in time', async (t) => {
  const url = await cloneDatabase(t)
  const before = await startApp(t, ring, url)
  const token = await logIn(before, 'johndoe', 'secret')
  const after = await startApp(t, { ...ring, SIGNING_ALGORITHM: 'RS256' }, url)
  const next = (await listKeys(after.database)).find(({ algorithm }) => algorithm === 'RS256')
  const lead = Number(next?.signsAt) - Number(next?.createdAt)
  t.ok(lead > 1_000, 'it is published for longer than caches keep what they have, before it signs')
  await until(async () => kidOf(await logIn(after, 'johndoe', 'secret')) !== kidOf(token))
  const newer = await logIn(after, 'johndoe', 'secret')
  for (const app of [before, after])
    for (const either of [token, newer]) t.equal((await getAs(app, either, '/users/me/')).statusCode, 200)
  await after.close()
  const again = await startApp(t, { ...ring, SIGNING_ALGORITHM: 'RS256' }, url)
  t.equal((await listKeys(again.database)).length, 2, 'and needs no other at the next start')
})

t.test('a token of a key that is not known yet makes the ring look, and not too often', async (t) => {
  const url = await cloneDatabase(t)
  const slow = { JWT_SECRET: '' }
  const app = await startApp(t, slow, url)
  const before = await listKeys(app.database)
  await app.database.signingKey.updateMany({ data: { signsAt: new Date(Date.now() - 31 * 86_400_000) } })
  const other = await startApp(t, slow, url)
  await other.ready()
  await until(async () => (await listKeys(other.database)).length === before.length + 1)
  await other.database.signingKey.updateMany({
    where: { kid: { notIn: before.map(({ kid }) => kid) } },
    data: { signsAt: new Date(Date.now() - 1000) },
  })
  const newest = await startApp(t, slow, url)
  const token = await logIn(newest, 'johndoe', 'secret')
  t.not(kidOf(token), before[0]?.kid)
  t.equal((await getAs(app, token, '/users/me/')).statusCode, 200)
  const unknown = token.replace(/^[^.]+/, Buffer.from('{"alg":"ES256","kid":"x"}').toString('base64url'))
  t.equal((await getAs(app, unknown, '/users/me/')).statusCode, 401)
})

t.test('tokens are good for as long as the longest life that a replica gives them', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '5' }, url)
  const ttl = async () => (await listKeys(app.database)).map(({ tokenTtlSeconds }) => tokenTtlSeconds)
  t.same(await ttl(), [300])
  await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '60' }, url)
  t.same(await ttl(), [3600])
  await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '1' }, url)
  t.same(await ttl(), [3600])
})

const oldSecret = 'the first secret that encrypts the keys'
const newSecret = 'the other secret that encrypts the keys'

t.test('the secret that encrypts the keys can be replaced', async (t) => {
  const url = await cloneDatabase(t)
  const first = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: oldSecret }, url)
  const token = await logIn(first, 'johndoe', 'secret')
  await first.close()
  await t.rejects(startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: newSecret }, url), {
    message: /encrypted under another KEY_ENCRYPTION_SECRET/,
  })
  const both = { KEY_ENCRYPTION_SECRET: newSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: oldSecret }
  for (const secrets of [both, { KEY_ENCRYPTION_SECRET: newSecret }]) {
    const app = await startApp(t, { ...ring, ...secrets }, url)
    t.equal((await getAs(app, token, '/users/me/')).statusCode, 200)
    t.equal(kidOf(await logIn(app, 'johndoe', 'secret')), kidOf(token))
  }
})

t.test('a key whose secret is not known here verifies, and another one signs', async (t) => {
  const url = await cloneDatabase(t)
  const one = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: oldSecret }, url)
  const first = kidOf(await logIn(one, 'johndoe', 'secret'))
  const settings = { ...ring, KEY_ENCRYPTION_SECRET: newSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: oldSecret }
  const other = await startApp(t, settings, url)
  const config = loadConfig(settings)
  const [sealing] = sealingKeysOf(config)
  const made = await rotateKeys(other.database, rotationPlan(config), sealing, () => true)
  await other.database.signingKey.updateMany({
    where: { kid: made?.kid ?? '' },
    data: { signsAt: new Date() },
  })
  await until(async () => kidOf(await logIn(other, 'johndoe', 'secret')) === made?.kid)
  const token = await logIn(other, 'johndoe', 'secret')
  t.equal((await getAs(one, token, '/users/me/')).statusCode, 200)
  t.equal(kidOf(await logIn(one, 'johndoe', 'secret')), first)

  await retireKey(other.database, first)
  const johndoe = { username: 'johndoe', password: 'secret' }
  await until(async () => (await postToken(one, johndoe)).statusCode === 503)
  t.equal((await getAs(one, token, '/users/me/')).statusCode, 200, 'who cannot sign verifies all the same')
  t.equal((await postToken(other, johndoe)).statusCode, 200)
})

t.test('a key that is damaged keeps the service from starting', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, ring, url)
  await app.database.signingKey.updateMany({ data: { sealedPrivateKey: new Uint8Array(40) } })
  await t.rejects(startApp(t, ring, url), { message: /^the encrypted \S+ in the database is damaged$/ })
})

t.test('a ring that cannot be read stays as it was', async (t) => {
  const app = await startApp(t, ring)
  const token = await logIn(app, 'johndoe', 'secret')
  await app.database.$executeRaw`ALTER TABLE signing_keys RENAME TO hidden_keys`
  const unknown = token.replace(/^[^.]+/, Buffer.from('{"alg":"ES256","kid":"x"}').toString('base64url'))
  t.equal((await getAs(app, unknown, '/users/me/')).statusCode, 401)
  t.equal((await getAs(app, token, '/users/me/')).statusCode, 200)
})

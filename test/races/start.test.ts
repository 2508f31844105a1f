import t from 'tap'
import { query } from '../database/query.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import {
  askWho,
  createUser,
  headerOf,
  logIn,
  readKids,
  refresh,
  startReplica,
  startReplicas,
  until,
} from '../helpers/replicas.js'

const secrets = {
  first: 'first secret, which is long enough to be one',
  second: 'second secret, which is long enough',
}
/** The replicas refresh the keys every half second. Tokens live for a year, so that aged keys remain in use. */
const settings = { JWKS_MAX_AGE_SECONDS: '1', ACCESS_TOKEN_EXPIRE_MINUTES: '525600' }

t.test('replicas that start simultaneously on an empty database agree on all keys', async (t) => {
  const url = await newDatabase(t)
  const { one, other } = await startReplicas(t, {}, url)
  const username = await createUser(url)
  t.same(await readKids(one), await readKids(other))
  t.equal((await readKids(one)).length, 1)
  for (const [issuer, user] of [
    [one, other],
    [other, one],
  ] as const) {
    const tokens = await logIn(issuer, username)
    t.equal((await askWho(user, tokens.access_token)).status, 200)
    const [here, there] = [
      await refresh(issuer, tokens.refresh_token),
      await refresh(user, tokens.refresh_token),
    ]
    t.match(here.body, { refresh_token: /^lkr_/ })
    t.equal(there.body.refresh_token, here.body.refresh_token, 'and on the MAC key')
  }
  t.equal((await query(url, 'SELECT FROM signing_keys')).length, 1)
  t.equal((await query(url, 'SELECT FROM mac_keys')).length, 1)
})

t.test('KEY_ENCRYPTION_SECRET is replaced without interruption', async (t) => {
  const url = await cloneDatabase(t)
  const username = await createUser(url)
  const beforeSettings = { ...settings, KEY_ENCRYPTION_SECRET: secrets.first }
  const before = await startReplica(t, url, beforeSettings, 'src/server.ts')
  const tokens = await logIn(before, username)
  const sealed = await readSealings(url)
  const after = await startReplica(t, url, {
    ...settings,
    KEY_ENCRYPTION_SECRET: secrets.second,
    KEY_ENCRYPTION_SECRET_PREVIOUS: secrets.first,
  })
  const resealed = await readSealings(url)
  t.equal(new Set([...sealed, ...resealed]).size, 2, 'every key is encrypted under the new secret alone')
  for (const service of [before, after]) t.equal((await askWho(service, tokens.access_token)).status, 200)
  t.equal((await refresh(after, tokens.refresh_token)).status, 200)

  await query(url, "UPDATE signing_keys SET signs_at = signs_at - interval '31 days'")
  const [first] = await readKids(after)
  await until('the next key to sign', async () => (await kidOf(after, username)) !== first)
  const { access_token: later } = await logIn(after, username)
  t.equal(
    (await askWho(before, later)).status,
    200,
    'a replica with the old secret accepts tokens that the next key signs',
  )
  t.equal((await logIn(before, username)).status, 200, 'and still signs')

  before.program.process.kill('SIGTERM')
  await before.program.ends()
  // The replica that has ended may have created the second key, and encrypted it under its own secret.
  const last = await startReplica(t, url, {
    ...settings,
    KEY_ENCRYPTION_SECRET: secrets.second,
    KEY_ENCRYPTION_SECRET_PREVIOUS: secrets.first,
  })
  t.equal(new Set(await readSealings(url)).size, 1, 'nothing requires the old secret any more')
  for (const token of [tokens.access_token, later]) t.equal((await askWho(last, token)).status, 200)
})

/** Returns the fingerprints of the secrets under which the keys are encrypted. */
async function readSealings(url: string): Promise<string[]> {
  const rows = await query<{ sealed_under: string }>(
    url,
    'SELECT sealed_under FROM signing_keys UNION ALL SELECT sealed_under FROM mac_keys',
  )
  return rows.map(({ sealed_under }) => sealed_under)
}

async function kidOf(service: Parameters<typeof logIn>[0], username: string): Promise<string> {
  return headerOf((await logIn(service, username)).access_token).kid
}

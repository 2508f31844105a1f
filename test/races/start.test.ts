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
import { startProgram } from '../helpers/service.js'

const secrets = {
  first: 'first secret, which is long enough to be one',
  second: 'second secret, which is long enough',
}
/** Keys are followed every half second; tokens live for a year, so that moved keys stay alive. */
const settings = { JWKS_MAX_AGE_SECONDS: '1', ACCESS_TOKEN_EXPIRE_MINUTES: '525600' }

t.test('replicas that start at once on an empty database agree on all keys', async (t) => {
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
    t.equal(there.body.refresh_token, here.body.refresh_token, 'and on the key of the hashes')
  }
  t.equal((await query(url, 'SELECT FROM signing_keys')).length, 1)
  t.equal((await query(url, 'SELECT FROM mac_keys')).length, 1)
})

t.test('a new KEY_ENCRYPTION_SECRET takes over without an interruption', async (t) => {
  const url = await cloneDatabase(t)
  const username = await createUser(url)
  const before = await startReplica(t, url, { ...settings, KEY_ENCRYPTION_SECRET: secrets.first })
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
    'a replica with the old secret takes what the next key signs',
  )
  t.equal((await logIn(before, username)).status, 200, 'and still signs')

  before.program.process.kill('SIGTERM')
  await before.program.ends()
  await startReplica(t, url, {
    ...settings,
    KEY_ENCRYPTION_SECRET: secrets.second,
    KEY_ENCRYPTION_SECRET_PREVIOUS: secrets.first,
  })
  const alone = await startReplica(t, url, { ...settings, KEY_ENCRYPTION_SECRET: secrets.second })
  for (const token of [tokens.access_token, later]) t.equal((await askWho(alone, token)).status, 200)
})

const damages: [what: string, sql: string, line: RegExp][] = [
  ['another secret', '', /the keys in the database are encrypted under another KEY_ENCRYPTION_SECRET; .*/],
  [
    'a damaged signing key',
    'UPDATE signing_keys SET sealed_private_key = set_byte(sealed_private_key, 40, 255 - get_byte(sealed_private_key, 40))',
    /the encrypted [\w-]{43} in the database is damaged/,
  ],
  [
    'a signing key that is cut short',
    'UPDATE signing_keys SET sealed_private_key = substr(sealed_private_key, 1, 20)',
    /the encrypted [\w-]{43} in the database is damaged/,
  ],
  [
    'a signing key in the place of another',
    "UPDATE signing_keys SET kid = repeat('a', 43)",
    /the encrypted a{43} in the database is damaged/,
  ],
  [
    'a damaged key of the hashes',
    'UPDATE mac_keys SET sealed_key = set_byte(sealed_key, 0, 255 - get_byte(sealed_key, 0))',
    /the encrypted mac key in the database is damaged/,
  ],
]

t.test('keys that cannot be decrypted stop the start with one line', async (t) => {
  const template = await cloneDatabase(t)
  const service = await startReplica(t, template, { KEY_ENCRYPTION_SECRET: secrets.first })
  service.program.process.kill('SIGTERM')
  await service.program.ends()
  for (const [what, sql, line] of damages) {
    const url = await newDatabase(t, new URL(template).pathname.slice(1))
    if (sql) await query(url, sql)
    const before = await readKeys(url)
    const program = startProgram(t, 'src/server.ts', {
      PORT: '0',
      DATABASE_URL: url,
      KEY_ENCRYPTION_SECRET: sql ? secrets.first : secrets.second,
    })
    t.equal(await program.ends(), 1, what)
    t.match(program.stderr, new RegExp(`^latchkey: ${line.source}\n$`), what)
    t.notMatch(program.stdout, 'listening', what)
    t.same(await readKeys(url), before, 'nothing has been written')
  }
})

/** The names of the secrets under which the keys are encrypted. */
async function readSealings(url: string): Promise<string[]> {
  const rows = await query<{ sealed_under: string }>(
    url,
    'SELECT sealed_under FROM signing_keys UNION ALL SELECT sealed_under FROM mac_keys',
  )
  return rows.map(({ sealed_under }) => sealed_under)
}

function readKeys(url: string) {
  return query(url, 'SELECT * FROM signing_keys, mac_keys ORDER BY kid')
}

async function kidOf(service: Parameters<typeof logIn>[0], username: string): Promise<string> {
  return headerOf((await logIn(service, username)).access_token).kid
}

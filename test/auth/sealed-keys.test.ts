import t from 'tap'
import { query } from '../database/query.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { startReplica } from '../helpers/replicas.js'
import { startProgram } from '../helpers/service.js'

const secret = 'secret of this deployment, which is long enough'

const damages: [what: string, sql: string, line: RegExp][] = [
  ['another secret', '', /the keys in the database are encrypted under another KEY_ENCRYPTION_SECRET; .*/],
  [
    'a damaged signing key',
    'UPDATE signing_keys SET sealed_private_key = set_byte(sealed_private_key, 40, 255 - get_byte(sealed_private_key, 40))',
    /the encrypted [\w-]{32} in the database is damaged/,
  ],
  [
    'a truncated signing key',
    'UPDATE signing_keys SET sealed_private_key = substr(sealed_private_key, 1, 20)',
    /the encrypted [\w-]{32} in the database is damaged/,
  ],
  [
    'a signing key in the place of another',
    "UPDATE signing_keys SET kid = repeat('a', 43)",
    /the encrypted a{43} in the database is damaged/,
  ],
  [
    'a damaged MAC key',
    'UPDATE mac_keys SET sealed_key = set_byte(sealed_key, 0, 255 - get_byte(sealed_key, 0))',
    /the encrypted mac key in the database is damaged/,
  ],
]

t.test('keys that cannot be decrypted stop the start with one line', async (t) => {
  const template = await cloneDatabase(t)
  const service = await startReplica(t, template, { KEY_ENCRYPTION_SECRET: secret })
  service.program.process.kill('SIGTERM')
  await service.program.ends()
  const attempts = damages.map(async ([what, sql, line]) => {
    const url = await newDatabase(t, new URL(template).pathname.slice(1))
    if (sql) await query(url, sql)
    const before = await readKeys(url)
    // One of them counts for the coverage of the sources.
    const program = startProgram(t, sql ? 'dist/src/server.js' : 'src/server.ts', {
      PORT: '0',
      DATABASE_URL: url,
      KEY_ENCRYPTION_SECRET: sql ? secret : `another ${secret}`,
    })
    t.equal(await program.ends(), 1, what)
    t.match(program.stderr, new RegExp(`^latchkey: ${line.source}\n$`), what)
    t.notMatch(program.stdout, 'listening', what)
    t.same(await readKeys(url), before, 'nothing was written')
  })
  await Promise.all(attempts)
})

function readKeys(url: string) {
  return query(url, 'SELECT * FROM signing_keys, mac_keys ORDER BY kid')
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'pg-connection-string'
import t from 'tap'
import { driverUrl, findDatabaseUrlProblem, passwordOf, schemaOf } from '../../src/config/database-url.js'
import { loadConfig } from '../../src/config/index.js'
import { fc } from '../helpers/properties.js'

t.test('a URL that every connection can be made with is accepted', async (t) => {
  for (const url of [
    'postgres://latchkey@%2Fvar%2Frun%2Fpostgresql/latchkey',
    'postgresql:///latchkey?host=/var/run/postgresql&user=latchkey',
    'postgres://latchkey:secret@/latchkey?host=/tmp&port=6432',
    'postgres://latchkey:p%40ss%23@[::1]:5433/latchkey?options=-c%20geqo%3Doff',
    'postgres://latchkey:p@ss@db/latchkey?schema=my%20app&application_name=a@b',
    'postgres://db/latchkey?sslmode=require&channel_binding=require&target_session_attrs=any',
    'postgres://db/latchkey?pgbouncer=true&connection_limit=5&connect_timeout=10&gssencmode=disable',
    'postgres://db/latchkey?ssl=no-verify&schema=',
  ])
    t.equal(loadConfig({ NODE_ENV: 'development', DATABASE_URL: url }).databaseUrl, url)
})

t.test('any other URL is refused with the reason, which has no part of the URL', async (t) => {
  const encoded = 'has a space or an invalid % sequence: special characters must be percent-encoded'
  const slash = 'has a / or ? in its user or password, which must be written %2F or %3F'
  const hash = 'has a #, which must be written %23'
  const several = 'names several hosts: only one is supported'
  const schema = 'names a schema that is too long, or has quotes, backslashes or control characters'
  const absent = join(t.testdir(), 'canary.pem')
  for (const [url, problem] of [
    ['postgresql+psycopg://db/latchkey', 'names a driver of SQLAlchemy: it must begin with postgresql://'],
    ['postgres+asyncpg://db/latchkey', 'names a driver of SQLAlchemy: it must begin with postgresql://'],
    ['postgres://canary:p#ss@host/x', hash],
    ['postgres://canary:1#x@host/x', hash],
    ['postgres://host/x#canary', hash],
    ['postgres://canary:1/x@host/x', slash],
    ['postgres://canary:1?x@host/x', slash],
    ['postgres://canary:%zz@host/x', encoded],
    ['postgres://canary:%4@host/x', encoded],
    ['postgres://canary:%ff@host/x', encoded],
    ['postgres://canary@host/%C3x', encoded],
    ['postgres://canary:a b@host/x', encoded],
    ['postgres://canary:%00@host/x', encoded],
    ['postgres://host/x?password=%canary', encoded],
    ['postgres://host/x?schema=a%0Acanary', encoded],
    [
      'postgres://canary@host:65536/x',
      'is not a valid URL: check the port, and percent-encode special characters',
    ],
    ['postgres://host/x?port=canary', 'has an invalid port'],
    ['postgres://canary@host,other/x', several],
    ['postgres://canary@host:5432,other:5432/x?target_session_attrs=read-write', several],
    ['postgres:///x?host=canary,other', several],
    ['postgres://host/x?port=1,2', several],
    [
      'postgres://host/x?target_session_attrs=read-write',
      'has target_session_attrs, which is not supported: name the host of the primary, and leave it out',
    ],
    [
      'postgres://host/x?sslmode=prefer',
      'has an unsupported sslmode: it must be one of disable, no-verify, require, verify-ca, verify-full',
    ],
    ['postgres://host/x?ssl=canary', 'has an unsupported ssl: it must be one of true, 1, 0, no-verify'],
    ['postgres://host/x?sslmod=require', 'has an unknown parameter: did you mean sslmode?'],
    ['postgres://host/x?canary=1', 'has an unknown parameter'],
    ['postgres://host/x?schema=a&schema=canary', 'has the parameter schema more than once'],
    [`postgres://host/x?sslrootcert=${absent}`, 'names a certificate or key that cannot be used (ENOENT)'],
    [
      'postgres://host/x?uselibpqcompat=true&sslmode=verify-ca',
      'names a certificate or key that cannot be used',
    ],
    ['postgres://host/x?schema=a"b', schema],
    ['postgres://host/x?schema=pg_temp', "names one of PostgreSQL's own schemas"],
    ['postgres://host/x?schema=information_schema', "names one of PostgreSQL's own schemas"],
    ['postgres://host/x?=1', 'has an unknown parameter'],
    ["postgres://host/x?schema=a'b", schema],
    [`postgres://host/x?schema=${'a'.repeat(64)}`, schema],
  ] as const) {
    t.equal(findDatabaseUrlProblem(url), problem, url)
    t.throws(() => loadConfig({ DATABASE_URL: url }), { message: `DATABASE_URL ${problem}` })
    t.notMatch(problem, 'canary')
  }
})

t.test('the schema and the password are those that connections use', async (t) => {
  t.equal(schemaOf('postgres://host/x'), 'public')
  t.equal(schemaOf('postgres://host/x?schema=my+app&sslmode=disable'), 'my app')
  for (const url of [
    'postgres://user:s%23cret@host/x',
    'postgres://user:s%23cret@/x?host=/tmp',
    'postgres://user:other@host/x?password=s%23cret',
    'postgres:///x?user=user&password=s%23cret',
    'postgres://user:s%23cret@%2Ftmp/x?sslmode=disable',
  ])
    t.equal(passwordOf(url), 's#cret', url)
})

t.test(
  'certificates are verified alike in every mode but no-verify, without a warning of the driver',
  async (t) => {
    const warnings: Error[] = []
    const collect = (warning: Error) => warnings.push(warning)
    process.on('warning', collect)
    t.teardown(() => process.off('warning', collect))
    const ca = join(t.testdir(), 'ca.pem')
    writeFileSync(ca, 'certificate')
    for (const mode of ['require', 'verify-ca', 'verify-full'])
      t.same(parse(driverUrl(`postgres://host/x?sslmode=${mode}&sslrootcert=${ca}`)).ssl, {
        ca: 'certificate',
      })
    t.same(parse(driverUrl('postgres://host/x?sslmode=no-verify')).ssl, { rejectUnauthorized: false })
    t.same(parse(driverUrl('postgres://host/x?a=b&sslmode=disable')).ssl, false)
    const compatible = 'postgres://host/x?uselibpqcompat=true&sslmode=require'
    t.same(
      parse(driverUrl(compatible)).ssl,
      { rejectUnauthorized: false },
      "libpq's meaning can be asked for",
    )
    await new Promise(setImmediate)
    t.same(warnings, [])
  },
)

t.test('whatever a password is, it is the one that is meant, or the URL is refused', async () => {
  const password = fc.string({ unit: fc.constantFrom(...'a1@:/#[]\\^|"é ='), minLength: 1, maxLength: 8 })
  const hosts = fc.constantFrom('host/x', '[::1]:5432/x', '/x?host=/tmp', '%2Ftmp/x?schema=my')
  await fc.assert(
    fc.asyncProperty(password, hosts, async (text, host) => {
      const encoded = `postgres://user:${encodeURIComponent(text)}@${host}`
      if (findDatabaseUrlProblem(encoded) !== null || passwordOf(encoded) !== text) throw new Error(encoded)
      const raw = `postgres://user:${text}@${host}`
      if (findDatabaseUrlProblem(raw) === null && passwordOf(raw) !== text) throw new Error(raw)
    }),
    { numRuns: 300 },
  )
})

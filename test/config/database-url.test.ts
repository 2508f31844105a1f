import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'pg-connection-string'
import t from 'tap'
import { targetOf } from '../../src/config/database-hosts.js'
import {
  addressesOf,
  driverUrl,
  findDatabaseUrlProblem,
  isOnThisMachine,
  passwordOf,
  schemaOf,
} from '../../src/config/database-url.js'
import { loadConfig } from '../../src/config/index.js'
import { findUnsafeSettings } from '../../src/config/production.js'
import { fc } from '../helpers/properties.js'

t.test('a URL that every connection can be made with is accepted', async (t) => {
  for (const url of [
    'postgres://latchkey@%2Fvar%2Frun%2Fpostgresql/latchkey',
    'postgres://latchkey@%2Fvar%2FRun,%2Fvar%2Frun,db:5433,DB:5434/latchkey',
    'postgresql:///latchkey?host=/var/run/postgresql&user=latchkey',
    'postgres://latchkey:secret@/latchkey?host=/tmp&port=6432',
    'postgres://latchkey:p%40ss%23@[::1]:5433/latchkey?options=-c%20geqo%3Doff',
    'postgres://latchkey:p@ss@db/latchkey?schema=my%20app&application_name=a@b',
    'postgres://db/latchkey?sslmode=require&channel_binding=require&target_session_attrs=any',
    'postgres://db/latchkey?pgbouncer=true&connection_limit=5&connect_timeout=10&gssencmode=disable',
    'postgres://db/latchkey?ssl=no-verify&schema=',
    'postgres://latchkey:p,ss@a:5432,b:5433,[::1]:5434/latchkey?target_session_attrs=read-write',
    'postgres://db/latchkey?target_session_attrs=primary',
  ])
    t.equal(loadConfig({ NODE_ENV: 'development', DATABASE_URL: url }).databaseUrl, url)
})

t.test('any other URL is refused with the reason, which has no part of the URL', async (t) => {
  const encoded = 'has a space or an invalid % sequence: special characters must be percent-encoded'
  const slash = 'has a / or ? in its user or password, which must be written %2F or %3F'
  const hash = 'has a #, which must be written %23'
  const invalid = 'is not a valid URL: check the port, and percent-encode special characters'
  const empty = 'has an empty name in its list of hosts'
  const target = 'has an unsupported target_session_attrs: it must be read-write or primary'
  const ports = 'has another number of ports than of hosts'
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
    ['postgres://canary@host:65536/x', invalid],
    ['postgres://host/x?port=canary', 'has an invalid port'],
    ['postgres://host/x?port=0', 'has an invalid port'],
    ['postgres://host/x?port=65536', 'has an invalid port'],
    ['postgres://a,b:65536/x', invalid],
    ['postgres://a,b:canary/x', invalid],
    ['postgres://a,[::1/x', invalid],
    ['postgres://a,::1/x', invalid],
    ['postgres://a,b/x?port=1,canary', 'has an invalid port'],
    ['postgres://a,,b/x', empty],
    ['postgres://a,/x', empty],
    ['postgres://a,:5433/x', empty],
    ['postgres:///x?host=a,', empty],
    ['postgres://a,b/x?port=1,2,3', ports],
    ['postgres://canary/x?port=1,2', ports],
    ['postgres://a:1,b:2,a:1/x', 'names a host more than once'],
    ['postgres://a,a:5432/x', 'names a host more than once'],
    ['postgres://a,A/x', 'names a host more than once'],
    [`postgres://${Array.from({ length: 17 }, (_, index) => `h${index}`)}/x`, 'names more than 16 hosts'],
    ['postgres://a%2Cb/x', 'has a comma in the name of a host'],
    ['postgres://a,b/x?target_session_attrs=any', target],
    ['postgres://a,b/x?target_session_attrs=standby', target],
    ['postgres://a,b/x?target_session_attrs=prefer-standby', target],
    [
      'postgres://host/x?target_session_attrs=canary',
      'has an unsupported target_session_attrs: it must be any or read-write or primary',
    ],
    [
      'postgres://host/x?sslmode=prefer',
      'has an unsupported sslmode: it must be one of disable, no-verify, require, verify-ca, verify-full',
    ],
    ['postgres://host/x?ssl=canary', 'has an unsupported ssl: it must be one of true, 1, 0, no-verify'],
    [
      'postgres://host/x?sslnegotiation=canary',
      'has an unsupported sslnegotiation: it must be one of postgres, direct',
    ],
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
    t.equal(findDatabaseUrlProblem(url, 'writing'), problem, url)
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
    'postgres://user:s%23cret@a,b:5433/x',
    'postgres://a,b/x?user=user&password=s%23cret',
  ])
    t.equal(passwordOf(url), 's#cret', url)
})

t.test('a list of hosts is read as libpq reads it', async (t) => {
  for (const [url, expected] of [
    ['postgres://a,b:5433,c/x', ['a:5432', 'b:5433', 'c:5432']],
    ['postgres://u:p@[::1]:1,[fe80::2]/x', ['::1:1', 'fe80::2:5432']],
    ['postgres://%2Frun%2Fa,127.0.0.1:6432/x', ['/run/a:5432', '127.0.0.1:6432']],
    ['postgres://a,b/x?port=6432', ['a:6432', 'b:6432']],
    ['postgres://a,b/x?schema=s&port=1,2', ['a:1', 'b:2']],
    ['postgres:///x?host=a,::1,/tmp', ['a:5432', '::1:5432', '/tmp:5432']],
    ['postgres:///x?port=1,2&host=a,b&sslmode=require', ['a:1', 'b:2']],
    ['postgres://ignored:7/x?host=a,b', ['a:7', 'b:7']],
    ['postgres://a,b/x?host=c,d', ['c:5432', 'd:5432']],
    ['postgres:///x', ['localhost:5432']],
  ] as const) {
    t.equal(findDatabaseUrlProblem(url, 'writing'), null, url)
    t.strictSame(
      addressesOf(url).map(({ host, port }) => `${host}:${port}`),
      expected,
      url,
    )
  }
  t.equal(schemaOf('postgres://a,b/x?schema=s'), 's')
  t.match(parse(driverUrl('postgres://u@a,b:5433/x?sslmode=require')), { host: 'a', port: '', user: 'u' })
})

t.test('a server of a list must be able to do what it is needed for', async (t) => {
  for (const [url, purpose, expected] of [
    ['postgres://a/x', 'writing', 'any'],
    ['postgres://a,b/x', 'writing', 'read-write'],
    ['postgres://a,b/x?target_session_attrs=primary', 'writing', 'primary'],
    ['postgres://a/x?target_session_attrs=read-write', 'writing', 'read-write'],
    ['postgres://a/x', 'replica', 'any'],
    ['postgres://a,b/x', 'replica', 'standby'],
    ['postgres://a/x?target_session_attrs=standby', 'replica', 'standby'],
    ['postgres://a,b/x', 'reading', 'any'],
    ['postgres://a,b/x?target_session_attrs=standby', 'reading', 'standby'],
  ] as const) {
    t.equal(findDatabaseUrlProblem(url, purpose), null, url)
    t.equal(targetOf(url, purpose), expected, url)
  }
  const replica = {
    NODE_ENV: 'development',
    DATABASE_URL: 'postgres://p/x',
    DATABASE_REPLICA_URL: 'postgres://a,b/x',
  }
  t.equal(loadConfig(replica).databaseReplicaUrl, replica.DATABASE_REPLICA_URL)
  for (const value of ['any', 'prefer-standby', 'read-write'])
    t.throws(
      () =>
        loadConfig({ ...replica, DATABASE_REPLICA_URL: `postgres://a,b/x?target_session_attrs=${value}` }),
      { message: 'DATABASE_REPLICA_URL has an unsupported target_session_attrs: it must be standby' },
    )
})

t.test('a list is local only if all its hosts are, and has one password', async (t) => {
  t.equal(isOnThisMachine('postgres://localhost,127.0.0.1:5433,[::1]/x'), true)
  t.equal(isOnThisMachine('postgres:///x?host=/run,localhost'), true)
  t.equal(isOnThisMachine('postgres://localhost,db/x'), false)
  const config = loadConfig({ DATABASE_URL: 'postgres://u:postgres@a,b/x', NODE_ENV: 'development' })
  t.match(findUnsafeSettings(config, {}), [
    {},
    {},
    { setting: 'DATABASE_URL', problem: 'has a default password' },
  ])
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
  const hosts = fc.constantFrom('host/x', '[::1]:5432/x', '/x?host=/tmp', '%2Ftmp/x?schema=my', 'a:1,[::1]/x')
  await fc.assert(
    fc.asyncProperty(password, hosts, async (text, host) => {
      const encoded = `postgres://user:${encodeURIComponent(text)}@${host}`
      if (findDatabaseUrlProblem(encoded, 'writing') !== null || passwordOf(encoded) !== text)
        throw new Error(encoded)
      const raw = `postgres://user:${text}@${host}`
      if (findDatabaseUrlProblem(raw, 'writing') === null && passwordOf(raw) !== text) throw new Error(raw)
    }),
    { numRuns: 300 },
  )
})

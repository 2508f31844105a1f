import { readFileSync } from 'node:fs'
import bcrypt from 'bcrypt'
import t from 'tap'
import { powersOfTwo } from '../../src/passwords/schemes/scheme.js'
import { formatScrypt } from '../../src/passwords/schemes/scrypt.js'
import { maxHashLength, parseHash, verifyPassword } from '../../src/passwords/verify.js'
import { fc } from '../helpers/properties.js'

interface Vector {
  /** Program that made the hash; test/vectors/foreign-hashes.py says how. */
  source: string
  password: string
  hash: string
}

const vectors = JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as Vector[]
const find = (source: string) =>
  String(vectors.find((vector) => vector.source.includes(source) && vector.password === 'secret')?.hash)

t.test('hashes that other programs made match their passwords only', async (t) => {
  t.ok(vectors.length > 70)
  await Promise.all(
    vectors.map(async ({ source, password, hash }) => {
      const parsed = parseHash(hash)
      t.ok(parsed?.isAffordable, source)
      t.equal(await parsed?.matches(password), true, `${source}: ${password}`)
      t.equal(await parsed?.matches(`${password} `), false, `${source}: another password`)
    }),
  )
})

t.test('the work of a hash is stated by its kind and units', (t) => {
  const salt = Buffer.from('salt')
  const key = Buffer.alloc(16)
  for (const [hash, kind, units] of [
    [find('pwdlib'), 'argon2 m=65536 p=4', 3],
    [find('passlib 1.7.4 pbkdf2_sha512'), 'pbkdf2-sha512', 1_000],
    // A key of four digests takes four times the work.
    [`$pbkdf2-sha256$1000$c2FsdA$${'A'.repeat(4 * 43 - 1)}`, 'pbkdf2-sha256', 4_000],
    [find('with its defaults'), 'scrypt N=32768 r=8', 1],
    [formatScrypt({ N: 16_384, r: 16, p: 2 }, salt, key, false), 'scrypt N=16384 r=16', 2],
    ['$scrypt$n=1024,r=8,p=3$c2FsdA$QUJDREVGR0hJSktMTU5PUA', 'scrypt N=1024 r=8', 3],
    [find('passwd -6'), 'sha512-crypt', 5_000],
    [find('passlib 1.7.4 sha256_crypt'), 'sha256-crypt', 1_000],
    [find('passlib 1.7.4 bcrypt_sha256'), 'bcrypt', 16],
  ] as const)
    t.same(parseHash(hash)?.work, { kind, units }, hash)
  t.end()
})

t.test('a hash that costs too much is never verified', async (t) => {
  const sha256 = find('passlib 1.7.4 pbkdf2_sha256')
  const argon2 = find('pwdlib')
  for (const hash of [
    find('Django 5.2.19 bcrypt').replace('$04$', '$21$'),
    find('Django 5.2.19 bcrypt').replace('$04$', '$03$'),
    find('bcrypt_sha256').replace('r=4', 'r=31'),
    argon2.replace('m=65536', 'm=262145'),
    argon2.replace('t=3', 't=17'),
    argon2.replace('m=65536', 'm=999999999'),
    sha256.replace('$1000$', '$5000001$'),
    sha256.replace('$1000$', '$999999999$'),
    find('with its defaults').replace(':32768:', ':1048576:'),
    find('with its defaults').replace(':8:1$', ':8:9$'),
    find('passlib 1.7.4 scrypt').replace('ln=4', 'ln=30'),
    // Mostly the work of PBKDF2
    '$scrypt$ln=1,r=1,p=999999$c2FsdA$QUJDREVGR0hJSktMTU5PUA',
    find('passlib 1.7.4 sha256_crypt').replace('rounds=1000', 'rounds=1000001'),
  ]) {
    t.equal(parseHash(hash)?.isAffordable, false, hash)
    t.equal(await verifyPassword('secret', hash, []), false)
  }
})

t.test('texts of other formats are no hashes', async (t) => {
  const argon2 = find('pwdlib')
  for (const text of [
    '',
    'secret',
    '$1$salt$qJH7.N4xYta3aEG/dfqo/0',
    '$2$10$abcdefghijklmnopqrstuuE6qTVTtYvHz7WJ0sYKnN5Kc0zPj3SYO',
    '$apr1$salt$xxxxxxxxxxxxxxxxxxxxxx',
    'md5$salt$c20ad4d76fe97759aa27a0c99bff6710',
    argon2.replace('m=65536', 'm=31'),
    argon2.replace('t=3', 't=0'),
    argon2.replace('p=4', 'p=0'),
    // The library refuses to read numbers with leading zeros.
    argon2.replace('m=65536', 'm=065536'),
    argon2.replace('t=3', 't=03'),
    argon2.replace('p=4', 'p=04'),
    argon2.replace('v=19', 'v=20'),
    argon2.replace(/[^$]+$/, 'AAA'),
    argon2.replace(/\$[^$]+\$([^$]+)$/, '$c2FsdA$$$1'),
    argon2.replace(/.$/, 'R'),
    find('passlib 1.7.4 scrypt').replace('ln=4', 'ln=0'),
    find('with its defaults').replace(':32768:', ':32767:'),
    find('with its defaults').replace(':8:1$', ':0:1$'),
    find('with its defaults').replace(':8:1$', ':8:0$'),
    // No digest, or one so short that many passwords match it
    '$pbkdf2-sha256$1000$c2FsdA$A',
    'pbkdf2_sha256$1000$salt$A===',
    '$pbkdf2-sha256$1000$c2FsdA$QUJDREVGR0hJSktMTU5P',
    '$scrypt$ln=4,r=8,p=1$c2FsdA$A',
    '$pbkdf2-sha256$0$c2FsdA$QUJDREVGR0hJSktMTU5PUA',
    // N must be less than 2^(16 r).
    '$scrypt$ln=16,r=1,p=1$c2FsdA$QUJDREVGR0hJSktMTU5PUA',
    find('passlib 1.7.4 sha256_crypt').replace('rounds=1000', 'rounds=999'),
    `${find('passwd -6')}a`,
    find('passwd -6').replace('$6$', '$5$'),
    find('passwd -5').replace('saltstring', 'a salt of 17 char'),
    find('Werkzeug 3.1.9 pbkdf2:sha256').replace('$', '$é'),
    `pbkdf2_sha256$1000$${'s'.repeat(maxHashLength)}$AAAA`,
  ])
    t.equal(parseHash(text), undefined, text)
})

t.test('bcrypt hashes of every cost that can be written are read, and few can be afforded', (t) => {
  const affordable = Array.from({ length: 100 }, (_, cost) => cost).filter((cost) => {
    const hash = parseHash(`$2b$${String(cost).padStart(2, '0')}$${'a'.repeat(53)}`)
    t.equal(hash?.work.kind, 'bcrypt')
    return hash?.isAffordable
  })
  t.same(affordable, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  t.end()
})

t.test('a hash that is damaged is no hash, or matches no password', async (t) => {
  const affordable = vectors
    .filter(({ source }) => !/pwdlib|defaults|README/.test(source))
    .map(({ hash }) => hash)
  /** Work above which a damaged hash is not tried, so that the test is fast: damaged costs are high ones. */
  const maxUnits = 5_000
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...affordable),
      fc.nat(),
      fc.constantFrom('', '0', '1', '9', 'A', '$', ',', '=', '.'),
      async (hash, position, replacement) => {
        const at = position % hash.length
        const damaged = hash.slice(0, at) + replacement + hash.slice(at + 1)
        const parsed = parseHash(damaged)
        const isTried =
          parsed?.isAffordable && parsed.work.units <= maxUnits && !/\d{5}/.test(parsed.work.kind)
        if (isTried) t.equal(await parsed.matches('another'), false, damaged)
      },
    ),
    { numRuns: 300 },
  )
})

t.test('$2x$ hashes match ASCII passwords, of which the faulty version made the same hashes', async (t) => {
  for (const [password, matches] of [
    ['secret', true],
    ['sécret', false],
  ] as const) {
    const hash = (await bcrypt.hash(password, 4)).replace('$2b$', '$2x$')
    t.equal(await parseHash(hash)?.matches(password), matches, password)
  }
})

t.test('work of any amount is a sum of powers of two', (t) => {
  t.same(powersOfTwo(0), [])
  t.same(powersOfTwo(-16), [])
  t.same(powersOfTwo(2 ** 12 - 2 ** 10), [1_024, 2_048])
  t.end()
})

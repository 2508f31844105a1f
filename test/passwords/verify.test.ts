import { readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import t, { type Test } from 'tap'
import { argon2Scheme } from '../../src/passwords/schemes/argon2.js'
import { bcryptScheme, bcryptWork } from '../../src/passwords/schemes/bcrypt.js'
import { pbkdf2Scheme } from '../../src/passwords/schemes/pbkdf2.js'
import type { Work } from '../../src/passwords/schemes/scheme.js'
import { scryptScheme } from '../../src/passwords/schemes/scrypt.js'
import { shaCryptScheme } from '../../src/passwords/schemes/sha-crypt.js'
import { verifyPassword } from '../../src/passwords/verify.js'

const vectors = JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as {
  source: string
  hash: string
}[]
const find = (source: string) => String(vectors.find((vector) => vector.source.includes(source))?.hash)

/** Work that the stored hashes of a database may take: of every kind. */
const allWork = [
  bcryptWork(6),
  { kind: 'argon2 m=64 p=2', units: 3 },
  { kind: 'pbkdf2-sha1', units: 3_000 },
  { kind: 'pbkdf2-sha256', units: 2_000 },
  { kind: 'scrypt N=64 r=8', units: 6 },
  { kind: 'sha512-crypt', units: 6_000 },
]

t.test('with work of every kind, a password still matches its own hash only', async (t) => {
  for (const source of ['argon2-cffi', 'pbkdf2_sha1', 'pbkdf2_sha256', 'Django 5.2.19 scrypt', 'passwd -6']) {
    t.equal(await verifyPassword('secret', find(source), allWork), true, source)
    t.equal(await verifyPassword('wrong', find(source), allWork), false, source)
  }
  t.equal(await verifyPassword('secret', undefined, allWork), false)
})

t.test('a password of more than 256 bytes matches nothing, and takes the work of a short one', async (t) => {
  const spent = countSpentWork(t)
  const long = 'a'.repeat(256)
  const options = { memoryCost: 64, timeCost: 1, parallelism: 2 }
  t.equal(await verifyPassword(long, await hash(long, options), []), true)
  t.equal(await verifyPassword(`${long}a`, await hash(`${long}a`, options), allWork), false)
  t.same(
    allWork.filter(({ kind }) => !spent.has(kind)),
    [],
  )
})

t.test('the amount of work depends neither on the hash nor on the password', async (t) => {
  const spent = countSpentWork(t)
  for (const [hash, own] of [
    [undefined, null],
    ['no hash', null],
    [`$2b$31$${'a'.repeat(53)}`, null],
    [find('Django 5.2.19 bcrypt_sha256'), { kind: 'bcrypt', units: 16 }],
    [find('argon2-cffi'), { kind: 'argon2 m=64 p=2', units: 2 }],
    [find('Django 5.2.19 pbkdf2_sha1'), { kind: 'pbkdf2-sha1', units: 1_000 }],
    [find('Django 5.2.19 scrypt'), { kind: 'scrypt N=64 r=8', units: 5 }],
    [find('passlib 1.7.4 sha512_crypt'), { kind: 'sha512-crypt', units: 1_000 }],
  ] as const)
    for (const password of ['secret', 'wrong']) {
      spent.clear()
      await verifyPassword(password, hash, allWork)
      if (own) spent.set(own.kind, Number(spent.get(own.kind)) + own.units)
      t.same(spent, new Map(allWork.map(({ kind, units }) => [kind, units])), `${password} ${hash}`)
    }
})

t.test('other work on the event loop gets its turn while a hash is verified', async (t) => {
  let isDone = false
  const verified = verifyPassword('secret', find('passwd -6'), []).then((matches) => {
    isDone = true
    return matches
  })
  let turns = 0
  while (!isDone) {
    await nextTurn()
    turns++
  }
  t.equal(await verified, true)
  t.ok(turns >= 5_000 / 500, 'a turn for every 500 rounds')
})

/** Returns the work that was done to no purpose, by kind. */
function countSpentWork(t: Test): Map<string, number> {
  const spent = new Map<string, number>()
  for (const scheme of [argon2Scheme, bcryptScheme, pbkdf2Scheme, scryptScheme, shaCryptScheme]) {
    const { spend } = scheme
    t.teardown(() => Object.assign(scheme, { spend }))
    scheme.spend = async ({ kind, units }: Work, password) => {
      spent.set(kind, units)
      await spend({ kind, units }, password)
    }
  }
  return spent
}

import { readFileSync } from 'node:fs'
import bcrypt from 'bcrypt'
import t from 'tap'
import { hashPassword, needsRehash } from '../../src/passwords/hash-password.js'
import { bcryptWork } from '../../src/passwords/schemes/bcrypt.js'
import { createUnusableHash, isUnusableHash } from '../../src/passwords/unusable-hash.js'
import { verifyPassword } from '../../src/passwords/verify.js'

const cost = 4
const work = [bcryptWork(cost)]

interface KnownAnswer {
  password_hex: string
  expected: string
}

const vectors = JSON.parse(readFileSync('test/vectors/bcrypt-kat.json', 'utf8')) as Record<
  'pyca' | 'pyca_2y',
  KnownAnswer[]
>

t.test('known answers from other implementations', async (t) => {
  for (const { password_hex, expected } of [...vectors.pyca, ...vectors.pyca_2y]) {
    const bytes = Buffer.from(password_hex, 'hex')
    const password = bytes.toString()
    const expressible = Buffer.from(password).equals(bytes) && bytes.length <= 72
    if (bcrypt.getRounds(expected) > 8) continue
    t.equal(await verifyPassword(password, expected, work), expressible, `${password_hex} ${expected}`)
  }
})

t.test('a new hash is $2b$ of the given cost, and matches its password only', async (t) => {
  const hash = await hashPassword('secret', 5)
  t.match(hash, /^\$2b\$05\$/)
  t.equal(await verifyPassword('secret', hash, work), true)
  t.equal(await verifyPassword('Secret', hash, work), false)
})

t.test('hashes from other systems', async (t) => {
  const hash = await hashPassword('secret', cost)
  for (const [prefix, matches] of [
    ['$2a$', true],
    ['$2y$', true],
    ['$2x$', true],
    ['$2$', false],
  ] as const)
    t.equal(await verifyPassword('secret', hash.replace('$2b$', prefix), work), matches, prefix)
  for (const foreign of ['', 'secret', hash.slice(0, -1)])
    t.equal(await verifyPassword('secret', foreign, work), false, foreign)
})

t.test('passwords that bcrypt would truncate never match', async (t) => {
  const longest = await hashPassword('a'.repeat(72), cost)
  t.equal(await verifyPassword('a'.repeat(72), longest, work), true)
  t.equal(await verifyPassword('a'.repeat(73), longest, work), false)
  t.equal(await verifyPassword('é'.repeat(37), await hashPassword('é'.repeat(36), cost), work), false)
  t.equal(await verifyPassword('secret\0', await hashPassword('secret', cost), work), false)
})

t.test('a hash above the maximum cost is never compared', async (t) => {
  t.equal(await verifyPassword('secret', `$2b$31$${'a'.repeat(53)}`, work), false)
})

t.test('the work does not depend on the cost of the hash', async (t) => {
  const secret = { 4: await hashPassword('secret', 4), 6: await hashPassword('secret', 6) }
  const compared: number[] = []
  const compare = bcrypt.compare
  t.teardown(() => Object.assign(bcrypt, { compare }))
  Object.assign(bcrypt, {
    compare(password: string, hash: string) {
      compared.push(bcrypt.getRounds(hash))
      return compare(password, hash)
    },
  })
  const workOf = async (password: string, hash: string | undefined) => {
    compared.length = 0
    const matches = await verifyPassword(password, hash, [bcryptWork(8)])
    return [matches, compared.reduce((sum, rounds) => sum + 2 ** rounds, 0)]
  }
  for (const [password, hash, matches] of [
    ['secret', secret[4], true],
    ['secret', secret[6], true],
    ['wrong', secret[4], false],
    ['wrong', secret[6], false],
    ['wrong', await hashPassword('secret', 8), false],
    ['wrong', undefined, false],
    ['wrong', 'no hash', false],
    ['x'.repeat(73), secret[4], false],
  ] as const)
    t.same(await workOf(password, hash), [matches, 2 ** 8], `${password} ${hash}`)
})

t.test('without a hash the password does not match, after the work of one comparison', async (t) => {
  const before = process.cpuUsage().user
  t.equal(await verifyPassword('', undefined, [bcryptWork(10)]), false)
  t.ok(process.cpuUsage().user - before > 5_000, 'took CPU time')
})

t.test('a hash of another cost needs a rehash', async (t) => {
  const hash = await hashPassword('secret', 5)
  t.equal(needsRehash(hash, 6), true)
  t.equal(needsRehash(hash, 5), false)
  t.equal(needsRehash(hash, 4), true)
})

t.test(
  'no password matches an unusable hash, which the database accepts and no other hash resembles',
  async (t) => {
    const hash = createUnusableHash()
    t.match(hash, /^\$2b\$04\$[./A-Za-z0-9]{53}$/)
    t.not(hash, createUnusableHash())
    t.equal(isUnusableHash(hash), true)
    t.equal(isUnusableHash(await hashPassword('secret', 4)), false)
    t.equal(await verifyPassword('', hash, work), false)
  },
)

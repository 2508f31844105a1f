import { readFileSync } from 'node:fs'
import bcrypt from 'bcrypt'
import t from 'tap'
import { hashPassword, needsRehash, verifyPassword } from '../../src/passwords/bcrypt.js'

const cost = 4

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
    t.equal(await verifyPassword(password, expected, cost), expressible, `${password_hex} ${expected}`)
  }
})

t.test('a new hash is $2b$ of the given cost, and matches its password only', async (t) => {
  const hash = await hashPassword('secret', 5)
  t.match(hash, /^\$2b\$05\$/)
  t.equal(await verifyPassword('secret', hash, cost), true)
  t.equal(await verifyPassword('Secret', hash, cost), false)
})

t.test('hashes from other systems', async (t) => {
  const hash = await hashPassword('secret', cost)
  for (const [prefix, matches] of [
    ['$2a$', true],
    ['$2y$', true],
    ['$2x$', false],
    ['$2$', false],
  ] as const)
    t.equal(await verifyPassword('secret', hash.replace('$2b$', prefix), cost), matches, prefix)
  for (const foreign of ['', 'secret', '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA', hash.slice(0, -1)])
    t.equal(await verifyPassword('secret', foreign, cost), false, foreign)
})

t.test('passwords that bcrypt would truncate never match', async (t) => {
  const longest = await hashPassword('a'.repeat(72), cost)
  t.equal(await verifyPassword('a'.repeat(72), longest, cost), true)
  t.equal(await verifyPassword('a'.repeat(73), longest, cost), false)
  t.equal(await verifyPassword('é'.repeat(37), await hashPassword('é'.repeat(36), cost), cost), false)
  t.equal(await verifyPassword('secret\0', await hashPassword('secret', cost), cost), false)
})

t.test('a hash above the maximum cost is never compared', async (t) => {
  t.equal(await verifyPassword('secret', `$2b$31$${'a'.repeat(53)}`, cost), false)
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
    const matches = await verifyPassword(password, hash, 8)
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
  t.equal(await verifyPassword('', undefined, 10), false)
  t.ok(process.cpuUsage().user - before > 5_000, 'took CPU time')
})

t.test('a hash of another cost needs a rehash', async (t) => {
  const hash = await hashPassword('secret', 5)
  t.equal(needsRehash(hash, 6), true)
  t.equal(needsRehash(hash, 5), false)
  t.equal(needsRehash(hash, 4), true)
})

import { scryptSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import bcrypt from 'bcrypt'
import t from 'tap'
import { formatScrypt } from '../../src/passwords/schemes/scrypt.js'
import { createUnusableHash } from '../../src/passwords/unusable-hash.js'
import { parseHash } from '../../src/passwords/verify.js'
import { findPublishedPasswords } from '../../src/users/published-passwords.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

const vectors = JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as {
  source: string
  password: string
  hash: string
}[]
const argon2 = String(vectors.find(({ source }) => source.startsWith('argon2-cffi'))?.hash)
const longPassword = 'x'.repeat(100)
const argon2OfLongPassword = String(
  vectors.find(({ source, password }) => source.startsWith('argon2-cffi') && password === longPassword)?.hash,
)

const app = await startApp(t)

const statusOf = async (username: string, password: string) =>
  (await postToken(app, { username, password })).statusCode

/** Stores a user whose password was hashed elsewhere. */
async function addUser(username: string, hash: string) {
  const work = parseHash(hash)?.work
  return app.database.user.create({
    data: {
      username,
      hashedPassword: createUnusableHash(),
      importedHash: { create: { hash, workKind: String(work?.kind), workUnits: Number(work?.units) } },
    },
  })
}

function readUser(username: string) {
  return app.database.user.findUniqueOrThrow({ where: { username }, include: { importedHash: true } })
}

t.test('the first login with an imported hash replaces it by bcrypt, and ends no token', async (t) => {
  await addUser('ada', argon2)
  t.equal(await statusOf('ada', 'wrong'), 401)
  t.equal((await readUser('ada')).importedHash?.hash, argon2, 'a wrong password changes nothing')
  const token = await logIn(app, 'ada', 'secret')
  const stored = await readUser('ada')
  t.match(stored, { importedHash: null, generation: 0 })
  t.equal(bcrypt.compareSync('secret', stored.hashedPassword), true)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  t.equal(await statusOf('ada', 'secret'), 200)
  t.equal(await statusOf('ada', 'wrong'), 401)
})

t.test('a password that bcrypt would cut keeps its imported hash', async (t) => {
  await addUser('long', argon2OfLongPassword)
  for (const time of ['first', 'second']) t.equal(await statusOf('long', longPassword), 200, time)
  t.equal((await readUser('long')).importedHash?.hash, argon2OfLongPassword)
  t.equal(await statusOf('long', longPassword.slice(0, 72)), 401)
})

t.test('a hash of a normalized password is replaced only if the password has one spelling', async (t) => {
  const costs = { N: 16, r: 1, p: 1 }
  const salt = Buffer.from('salt')
  for (const [username, password, other, isReplaced] of [
    ['umlaut', 'p\u00e4ssword', 'pa\u0308ssword', false],
    ['plain', 'password', 'Password', true],
  ] as const) {
    const key = scryptSync(password.normalize('NFKC'), salt, 32, costs)
    await addUser(username, formatScrypt(costs, salt, key, true))
    t.equal(await statusOf(username, password), 200, username)
    t.equal((await readUser(username)).importedHash === null, isReplaced, username)
    t.equal(await statusOf(username, other), isReplaced ? 401 : 200, username)
    t.equal(await statusOf(username, password), 200, username)
  }
})

t.test('a login while the password is changed does not bring back the imported one', async (t) => {
  await addUser('racer', argon2)
  const { hash } = app.passwords
  t.teardown(() => Object.assign(app.passwords, { hash }))
  Object.assign(app.passwords, {
    async hash(password: string) {
      const changed = { hashedPassword: bcrypt.hashSync('another', 4) }
      await app.database.user.update({ where: { username: 'racer' }, data: changed })
      return hash(password)
    },
  })
  t.equal(await statusOf('racer', 'secret'), 401)
  Object.assign(app.passwords, { hash })
  t.equal(await statusOf('racer', 'another'), 200)
  t.equal(await statusOf('racer', 'secret'), 401)
  t.equal((await readUser('racer')).importedHash, null)
})

t.test('the imported password confirms what requires the password', async (t) => {
  await addUser('grace', argon2)
  await addUser('leaver', argon2)
  const [grace, leaver] = [await logIn(app, 'grace', 'secret'), await logIn(app, 'leaver', 'secret')]
  for (const username of ['grace', 'leaver']) {
    const { id } = await readUser(username)
    await app.database.$transaction([
      app.database.user.update({
        where: { id },
        data: { hashedPassword: createUnusableHash(), rehashedAt: new Date() },
      }),
      app.database.importedHash.create({
        data: { userId: id, hash: argon2, workKind: 'unknown', workUnits: 1 },
      }),
    ])
  }
  const change = (old_password: string) => ({ old_password, new_password: 'correct horse' })
  t.equal((await as(app, grace).put('/users/me/password', change('wrong'))).statusCode, 400)
  t.equal((await as(app, grace).put('/users/me/password', change('secret'))).statusCode, 204)
  t.equal((await readUser('grace')).importedHash, null)
  t.equal(await statusOf('grace', 'secret'), 401)
  t.equal((await as(app, leaver).delete('/users/me/', { password: 'secret' })).statusCode, 204)
  t.equal(await app.database.importedHash.count({ where: { hash: argon2 } }), 0)
})

t.test('a published password is found in an imported hash too', async (t) => {
  await app.database.user.delete({ where: { username: 'johndoe' } })
  await addUser('johndoe', argon2)
  t.same(await findPublishedPasswords(app.database), ['johndoe', 'alice'])
})

import t from 'tap'
import { createKeySets } from '../../src/auth/clients/key-sets.js'
import type { KeySource } from '../../src/auth/clients/key-source.js'
import { keySet } from '../helpers/assertions.js'
import { stopMonotonicClock } from '../helpers/clock.js'

const [ec, rsa] = keySet.keys
const wantsEc = { alg: 'ES256', kid: 'EC' }
const wantsRsa = { alg: 'RS256', kid: 'RSA' }

const source: KeySource = {
  jwks: null,
  jwksUri: 'https://keys.example/',
  allowPrivateHost: false,
  ca: null,
}

/** Returns key sets over a server that answers with `state.document`, and counts the fetches. */
function serve() {
  const state = { document: { keys: [ec] } as unknown, fetches: 0, warnings: [] as object[] }
  const log = { warn: (details: object) => void state.warnings.push(details) }
  const sets = createKeySets(log, async function fetchSet() {
    state.fetches += 1
    if (state.document instanceof Error) throw state.document
    return state.document
  })
  const load = async (header: Record<string, unknown>) =>
    (await sets.load(source, header)).map(({ kid }) => kid)
  return { state, sets, load }
}

t.test('a set is fetched once by many requests, and again after 10 minutes', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, sets, load } = serve()
  await Promise.all(Array.from({ length: 5 }, () => load(wantsEc)))
  clock.advance(599_999)
  t.same(await load(wantsEc), ['EC'])
  t.equal(state.fetches, 1)
  await sets.load({ ...source, allowPrivateHost: true }, wantsEc)
  t.equal(state.fetches, 2, 'sources differ in what they allow')
  clock.advance(1)
  state.document = { keys: [] }
  t.same(await load(wantsEc), [], 'keys that were removed from the set')
  t.equal(state.fetches, 3)
})

t.test('an unknown key is looked for at once, but only every 10 seconds', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, load } = serve()
  await load(wantsEc)
  clock.advance(10_000)
  state.document = { keys: [ec, rsa] }
  t.same(await load(wantsRsa), ['EC', 'RSA'], 'a new key')
  t.equal(state.fetches, 2)
  for (let kid = 0; kid < 20; kid++) await load({ alg: 'RS256', kid: String(kid) })
  clock.advance(9_999)
  await load({ alg: 'RS256', kid: 'unknown' })
  t.equal(state.fetches, 2)
  clock.advance(1)
  await load({ alg: 'RS256', kid: 'unknown' })
  t.equal(state.fetches, 3)
})

t.test('a set that cannot be fetched again is used for an hour', async (t) => {
  const clock = stopMonotonicClock(t)
  const { state, load } = serve()
  t.same(await load(wantsEc), ['EC'])
  state.document = new Error('unreachable')
  clock.advance(600_000)
  for (let time = 0; time < 3; time++) t.same(await load(wantsEc), ['EC'])
  t.equal(state.fetches, 2, 'a failure is not repeated at once')
  t.same(state.warnings, [{ reason: 'unreachable', url: 'https://keys.example/' }])
  clock.advance(2_999_999)
  t.same(await load(wantsEc), ['EC'])
  clock.advance(1)
  t.same(await load(wantsEc), [])
  state.document = 'no set'
  clock.advance(10_000)
  t.same(await load(wantsEc), [])
  t.match(state.warnings.at(-1), { reason: 'the document is not a JWK Set' })
  state.document = { keys: [ec, 1, null, { kty: 'x' }] }
  clock.advance(10_000)
  t.same(await load(wantsEc), ['EC'], 'it recovers, and ignores what is no key')
})

t.test('a stored set is not fetched', async (t) => {
  const { state, sets } = serve()
  const stored = { ...source, jwksUri: null, jwks: keySet }
  const keys = await sets.load(stored, wantsEc)
  t.equal(keys.length, 3)
  t.equal(await sets.load(stored, wantsRsa), keys, 'and imported once')
  t.equal(state.fetches, 0)
})

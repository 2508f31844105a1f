import t from 'tap'
import { tokenVerifier } from '../src/index.js'
import { start } from './helpers/verifier.js'

const good = { issuer: 'https://latchkey.test', audience: 'https://service.test' }

/** Values that an option refuses: those that a missing or misspelled setting leads to, too. */
const refused: Record<string, unknown[]> = {
  issuer: [
    undefined,
    null,
    '',
    'latchkey.test',
    '/',
    1,
    'http://latchkey.test',
    'ftp://localhost',
    'http://localhost.test',
  ],
  audience: [undefined, null, '', [], [undefined], [''], ['a', null], 1, {}],
  algorithms: [null, 'ES256', {}, [], ['none'], ['HS256'], ['ES256', 'HS256'], [undefined]],
  clockToleranceMs: [-1, 0.5, Number.NaN, '5', Number.POSITIVE_INFINITY],
  jwksUri: ['', 'jwks.json', 'http://latchkey.test/jwks.json', 1],
  maxKeyAgeMs: [0, 1.5, Number.NaN, 86_400_001],
  timeoutMs: [0, -1, 0.5, 1_333.3, '5000'],
  checkStatus: ['', 0, 'false', null],
  requireStatus: ['', 1, 'true', null],
  statusPollMs: [0, 999.9, Number.NaN, '3000'],
  whenStale: ['', 'ignore', null],
  statusOrigins: [
    null,
    'https://lists.test',
    [1],
    ['https://lists.test/'],
    ['https://lists.test/path'],
    ['http://lists.test'],
    ['lists.test'],
    [''],
  ],
  maxStatusLists: [0, 1.5, '1', Number.NaN],
  allowHttp: ['true', 1, null],
  fetch: [null, 'fetch', {}],
  clock: [null, {}, { now: Date.now }, { monotonic: Date.now }, () => 0],
  onEvent: [null, 5, {}],
}

for (const [name, values] of Object.entries(refused))
  t.test(`a wrong ${name} is refused when the verifier is created`, async (t) => {
    for (const value of values)
      t.throws(
        () => tokenVerifier({ ...good, [name]: value }),
        { name: 'TypeError', message: new RegExp(`^tokenVerifier: ${name} must be `) },
        JSON.stringify(value),
      )
  })

t.test(
  'an option that does not exist is refused: a typing error must not make a service accept more',
  async (t) => {
    for (const name of ['audiance', 'requireStatuses', 'toString', 'audiences'])
      t.throws(() => tokenVerifier({ ...good, [name]: undefined }), {
        name: 'TypeError',
        message: `tokenVerifier: there is no option ${name}`,
      })
  },
)

t.test('a status cannot be required if it is not checked', async (t) => {
  t.throws(() => tokenVerifier({ ...good, checkStatus: false, requireStatus: true }), {
    message: 'tokenVerifier: requireStatus must be false if checkStatus is false',
  })
})

t.test('issuers on this machine may have http, and others if that is allowed', async (t) => {
  for (const issuer of [
    'http://localhost:8000',
    'http://127.0.0.1:1',
    'http://[::1]:1',
    'http://a.localhost',
  ])
    t.ok(tokenVerifier({ ...good, issuer }), issuer)
  t.ok(tokenVerifier({ ...good, issuer: 'http://latchkey:8000', allowHttp: true }))
})

t.test('an option that is undefined has its default', async (t) => {
  const options: object = { statusPollMs: undefined, checkStatus: undefined, clock: undefined }
  t.equal(tokenVerifier({ ...good, ...options }).maxRevocationDelayMs, 5_000)
})

t.test('the global fetch and clock are used by default', async (t) => {
  const { issuer, bearer } = await start({}, { now: Date.now() })
  const { fetch } = globalThis
  t.teardown(() => {
    globalThis.fetch = fetch
  })
  const verify = tokenVerifier({ ...good, issuer: issuer.settings.issuer })
  globalThis.fetch = issuer.fetch
  t.ok(await verify(await bearer()))
  t.equal(issuer.requests.length, 3)
})

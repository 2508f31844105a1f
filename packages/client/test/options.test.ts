import { mock } from 'node:test'
import t from 'tap'
import { type ServiceClientOptions, serviceClient, userSession } from '../src/index.js'
import { passwordLogin } from '../src/legacy.js'
import { systemClock } from '../src/runtime/clock.js'
import { fakeServer, issuer, refuse, settle, tokenUrl } from './helpers/fake-server.js'

t.test('an option that is missing or wrong is a TypeError that names it', (t) => {
  const good = { issuer, clientId: 'reports', clientSecret: 'secret' }
  const faults: [object, RegExp][] = [
    [{ issuer: undefined }, /issuer must be an https URL/],
    [{ issuer: 'login' }, /issuer/],
    [{ issuer: 'http://login.example.com' }, /issuer/],
    [{ issuer: 'ftp://login.example.com', allowHttp: true }, /issuer/],
    [{ clientId: '' }, /clientId/],
    [{ clientSecret: '' }, /clientSecret must be a secret/],
    [{ clientSecret: [] }, /clientSecret/],
    [{ clientSecret: ['a', ''] }, /clientSecret/],
    [{ clientAssertion: 'x' }, /clientSecret must be left out/],
    [{ clientSecret: undefined }, /clientSecret, privateKey or clientAssertion must be given/],
    [{ timeoutMs: 0 }, /timeoutMs must be from 1 to 3600000/],
    [{ waitMs: Number.NaN }, /waitMs/],
    [{ origins: ['https://orders.example.com/path'] }, /origins/],
    [{ origins: ['orders'] }, /origins/],
    [{ allowHttp: 'yes' }, /allowHttp/],
    [{ clientSecret: null }, /clientSecret must be a secret/],
    [{ clientSecret: undefined, clientAssertion: 5 }, /clientAssertion must be a token/],
    [{ clientSecret: undefined, clientAssertion: null }, /clientAssertion must be a token/],
    ...[null, 5, {}, { key: null }, { key: '' }, { key: {} }].map((privateKey): [object, RegExp] => [
      { clientSecret: undefined, privateKey },
      /privateKey must be \{ key \} for ES256, EdDSA or RS256/,
    ]),
    [{ waitMs: null }, /waitMs must be from 0/],
    [{ origins: null }, /origins must be a list of origins/],
    [{ origins: 'https://orders.example.com' }, /origins must be a list of origins/],
    [{ onEvent: 'x' }, /onEvent must be a function/],
    [{ fetch: null }, /fetch must be a function/],
    [{ random: null }, /random must be a function/],
    [{ clock: null }, /clock must be an object with now, monotonic, sleep and timeout/],
    [{ scope: ['a'] }, /scope must be scope-tokens/],
    [{ scope: null }, /scope must be scope-tokens/],
    [{ resource: '' }, /resource must be the identifier/],
  ]
  for (const [fault, message] of faults)
    t.throws(() => serviceClient({ ...good, ...fault } as ServiceClientOptions), {
      name: 'TypeError',
      message,
    })
  for (const issuer of [
    'http://localhost:8000',
    'http://127.0.0.1:1',
    'http://[::1]:1',
    'http://a.localhost',
  ])
    serviceClient({ ...good, issuer })
  serviceClient({ ...good, issuer: 'http://latchkey:8000', allowHttp: true })
  t.throws(() => userSession({ ...good, issuer: '' }), /userSession: issuer/)
  for (const nothing of [null, undefined, 5])
    t.throws(() => serviceClient(nothing as never), /serviceClient: issuer must be/)
  t.end()
})

t.test('an option of a session or a login that is wrong is a TypeError that names it', async (t) => {
  const good = { issuer, clientId: 'web' }
  const store = { load: () => null, save: () => {} }
  const faults: [object, RegExp][] = [
    [{ store: null }, /store must be an object with load and save/],
    [{ store: { load: () => null } }, /store must be an object with load and save/],
    [{ refreshToken: null }, /refreshToken must be a refresh token/],
    [{ refreshToken: 'a b' }, /refreshToken must be a refresh token/],
    [{ store, refreshToken: 'r' }, /refreshToken must be left out/],
    [{ store, onRotate: () => {} }, /refreshToken must be left out, as onRotate, with a store/],
    [{ onRotate: 'x' }, /onRotate must be a function/],
    [{ lockName: '' }, /lockName must be a name/],
    [{ locks: {} }, /locks must be the locks of a browser, or null/],
  ]
  for (const [fault, message] of faults)
    t.throws(() => userSession({ ...good, ...fault }), { name: 'TypeError', message })
  userSession({ ...good, store, locks: null })
  for (const [fault, message] of [
    [{ username: null }, /username must be the name of a user/],
    [{ password: undefined }, /password must be the password of the user/],
  ] as const) {
    const login = passwordLogin(Object.assign({ ...good, username: 'ada', password: 'p' }, fault) as never)
    await t.rejects(login, { name: 'TypeError', message })
  }
  await t.rejects(passwordLogin(null as never), /passwordLogin: issuer must be/)
})

t.test(
  'an option that does not exist is refused: a typing error must not send tokens elsewhere',
  async (t) => {
    const good = { issuer, clientId: 'reports', clientSecret: 'secret' }
    const user = { username: 'ada', password: 'p' }
    for (const name of ['origin', 'onevent', 'toString', 'signals']) {
      const message = new RegExp(`^\\w+: there is no option ${name}$`)
      t.throws(() => serviceClient({ ...good, [name]: undefined }), { name: 'TypeError', message })
      t.throws(() => userSession({ ...good, [name]: undefined }), { name: 'TypeError', message })
      await t.rejects(passwordLogin({ ...good, ...user, [name]: undefined }), { name: 'TypeError', message })
    }
    const ofSessions = { ...good, lockName: 'web' }
    t.throws(() => serviceClient(ofSessions), { message: 'serviceClient: there is no option lockName' })
  },
)

t.test('a key of WebCrypto that cannot sign for Latchkey is refused before the first call', async (t) => {
  const { subtle } = crypto
  const rsa = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }
  const pairs = await Promise.all([
    subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify']),
    subtle.generateKey({ ...rsa, hash: 'SHA-512' }, false, ['sign', 'verify']),
    subtle.generateKey({ ...rsa, name: 'RSA-PSS', hash: 'SHA-256' }, false, ['sign', 'verify']),
    subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveKey']),
  ])
  const good = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  for (const key of [...pairs.map(({ privateKey }) => privateKey), good.publicKey])
    t.throws(() => serviceClient({ issuer, clientId: 'reports', privateKey: { key } }), {
      name: 'TypeError',
      message: 'serviceClient: privateKey must be { key } for ES256, EdDSA or RS256, or a function',
    })
  serviceClient({ issuer, clientId: 'reports', privateKey: { key: good.privateKey } })
})

t.test('without a session to begin with, a login is required', async (t) => {
  const { options } = fakeServer()
  await t.rejects(userSession({ ...options, lockName: 'a' }).getToken(), { code: 'login_required' })
})

t.test('the platform is used by default', async (t) => {
  const server = fakeServer()
  t.intercept(globalThis, 'fetch', { value: server.options.fetch, configurable: true })
  t.equal(await serviceClient({ issuer, clientId: 'reports', clientSecret: 'secret' }).getToken(), 't1')
  t.equal(systemClock.timeout(1_000).aborted, false)
})

t.test('a request without an answer keeps no process alive', async (t) => {
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = countTimers()
  const fetch = () => new Promise<Response>(() => {})
  void serviceClient({ issuer, clientId: 'reports', clientSecret: 'secret', fetch }).getToken()
  await settle()
  t.equal(countTimers(), before)
})

t.test('a pause has a timer, which an abort ends', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { signal } = new AbortController()
  const pauses = [systemClock.sleep(1_000, undefined), systemClock.sleep(1_000, signal)]
  mock.timers.tick(1_000)
  await Promise.all(pauses)
  const controller = new AbortController()
  const aborted = systemClock.sleep(1_000, controller.signal)
  controller.abort(new Error('enough'))
  await t.rejects(aborted, new Error('enough'))
  await t.rejects(systemClock.sleep(1_000, controller.signal), new Error('enough'))
})

t.test('a fault of a replaced part is an error of this package', async (t) => {
  const server = fakeServer()
  const cause = new Error('no timeouts')
  const clock = {
    ...server.clock,
    timeout() {
      throw cause
    },
  }
  await t.rejects(serviceClient({ ...server.options, clock }).getToken(), { code: 'internal', cause })
})

t.test('a thousand tokens are kept, those that were used last', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  t.equal(await client.getToken({ scope: 'first' }), 't1')
  t.equal(await client.getToken({ scope: 'second' }), 't2')
  for (let index = 0; index < 998; index += 1) await client.getToken({ scope: `s${index}` })
  t.equal(await client.getToken({ scope: 'first' }), 't1')
  await client.getToken({ scope: 'one more' })
  t.equal(await client.getToken({ scope: 'first' }), 't1')
  t.equal(await client.getToken({ scope: 'second' }), 't1002')
})

t.test('a background renewal that is refused is an event, and no unhandled rejection', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  await client.getToken()
  server.answers.set(tokenUrl, () => refuse('invalid_client', 401))
  server.clock.advance(800_000)
  t.equal(await client.getToken(), 't1')
  await settle()
  t.match(server.events.at(-1), { type: 'token_failed', error: { code: 'invalid_client' } })
})

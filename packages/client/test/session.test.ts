import t from 'tap'
import { type RefreshTokenStore, userSession } from '../src/index.js'
import { passwordLogin } from '../src/legacy.js'
import {
  type FakeServer,
  fakeServer,
  issue,
  issuer,
  refuse,
  service,
  settle,
  tokenUrl,
  unauthorized,
} from './helpers/fake-server.js'

const revokeUrl = `${issuer}/revoke`

/** Returns a promise, and what resolves it. */
function latch(): [promise: Promise<void>, open: () => void] {
  const opened = new AbortController()
  const promise = new Promise<void>((resolve) => opened.signal.addEventListener('abort', () => resolve()))
  return [promise, () => opened.abort()]
}

/** A store in memory that several sessions share. */
function sharedStore(
  token: string | null,
): RefreshTokenStore & { token: string | null; saved: (string | null)[] } {
  const store = {
    token,
    saved: [] as (string | null)[],
    load: () => store.token,
    save(next: string | null) {
      store.saved.push(next)
      store.token = next
    },
  }
  return store
}

/** Lets the server derive the access token a-X and the refresh token X' of each refresh token X. */
function rotateTokens(server: FakeServer): void {
  server.answers.set(tokenUrl, ({ form }) => {
    const presented = form.get('refresh_token')
    return issue(`a-${presented}`, { refresh_token: `${presented}'`, scope: 'me' })
  })
}

t.test('a new refresh token is handed over before its access token is used', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const [written, write] = latch()
  const rotated: unknown[] = []
  const session = userSession({
    ...server.options,
    refreshToken: 'r',
    onRotate: async (token) => {
      rotated.push(token)
      await written
    },
  })
  const call = session.fetch(service)
  await settle()
  t.same(rotated, ["r'"])
  t.equal(server.requestsTo(service).length, 0)
  write()
  t.equal(await (await call).text(), 'Bearer a-r')
  session.invalidate('a-r')
  t.equal(await session.getToken(), "a-r'")
})

t.test('a refresh token that cannot be stored is an error, and its access token is not used', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const cause = new Error('disk is full')
  const session = userSession({ ...server.options, refreshToken: 'r', onRotate: () => Promise.reject(cause) })
  await t.rejects(session.getToken(), { code: 'store_failed', cause })
})

t.test('a store that never answers is an error', async (t) => {
  const server = fakeServer()
  const session = userSession({
    ...server.options,
    store: { load: () => new Promise(() => {}), save: () => {} },
  })
  const call = session.getToken()
  await settle()
  server.clock.advance(5_000)
  await t.rejects(call, { code: 'store_failed' })
})

t.test('refreshes for several scopes follow one another', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const store = sharedStore('r')
  const session = userSession({ ...server.options, store })
  t.same(await Promise.all([session.getToken({ scope: 'a' }), session.getToken({ scope: 'b' })]), [
    'a-r',
    "a-r'",
  ])
  t.equal(store.token, "r''")
})

t.test('a late refresh does not overwrite a login', async (t) => {
  const server = fakeServer()
  const [released, release] = latch()
  server.answers.set(tokenUrl, async ({ form }) => {
    const presented = form.get('refresh_token')
    if (presented === 'old') await released
    return issue(`a-${presented}`, { refresh_token: `${presented}'` })
  })
  const store = sharedStore('old')
  const session = userSession({ ...server.options, store })
  const call = session.getToken()
  await settle()
  await session.login('new')
  release()
  t.equal(await call, 'a-new', 'not the token of the user before')
  t.equal(await session.getToken(), "a-new'")
  t.same(store.saved, ['new', "new'", "new''"])
})

t.test('a login ends the tokens of the one before', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const session = userSession({ ...server.options, refreshToken: 'old' })
  await session.getToken()
  await session.login('new')
  t.equal(await session.getToken(), 'a-new')
})

/** Returns an access token of a user. */
function tokenOf(sub: string): string {
  return `h.${Buffer.from(JSON.stringify({ sub, name: '🔑?>' })).toString('base64url')}.s`
}

t.test('a request of one user is not sent again with the token of another', async (t) => {
  const logins: [name: string, next: string, isSentAgain: boolean][] = [
    ['the same user', 'ada.2', true],
    ['another user', 'bob.1', false],
  ]
  for (const [name, next, isSentAgain] of logins)
    for (const place of ['this tab', 'another tab']) {
      const server = fakeServer()
      server.answers.set(tokenUrl, ({ form }) =>
        issue(tokenOf(String(form.get('refresh_token')).split('.')[0] ?? '')),
      )
      const store = sharedStore('ada.1')
      const [first, second] = [1, 2].map(() => userSession({ ...server.options, store }))
      const [released, release] = latch()
      server.answers.set(service, async () => {
        await released
        return server.requestsTo(service).length === 1 ? unauthorized() : new Response()
      })
      const call = first?.fetch(service, { method: 'POST', body: 'of ada' })
      await settle()
      await (place === 'this tab' ? first : second)?.login(next)
      release()
      t.equal((await call)?.status, isSentAgain ? 200 : 401, `${name} logs in, in ${place}`)
      t.equal(server.requestsTo(service).length, isSentAgain ? 2 : 1)
    }
})

t.test('a request that is refused after a logout is an error', async (t) => {
  const server = fakeServer()
  const session = userSession({ ...server.options, refreshToken: 'r' })
  const cancelled: unknown[] = []
  const body = new ReadableStream({ cancel: (reason) => void cancelled.push(reason) })
  server.answers.set(service, async () => {
    await session.logout()
    return new Response(body, { status: 401 })
  })
  await t.rejects(session.fetch(service), { code: 'login_required' })
  t.equal(cancelled.length, 1, 'the connection is free again')
})

t.test('two processes that present one refresh token keep the family', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => issue('a', { refresh_token: 'successor' }))
  const store = sharedStore('r')
  const sessions = [1, 2].map(() => userSession({ ...server.options, store }))
  t.same(await Promise.all(sessions.map((session) => session.getToken())), ['a', 'a'])
  t.equal(store.token, 'successor')
})

t.test('a store that compares decides between processes', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const answers = [false]
  const store = { ...sharedStore('r'), save: () => answers.shift() }
  t.equal(await userSession({ ...server.options, store }).getToken(), 'a-r')
  t.equal(server.requestsTo(tokenUrl).length, 2)
  const stubborn = { ...sharedStore('r'), save: () => false }
  await t.rejects(userSession({ ...server.options, store: stubborn }).getToken(), { code: 'store_failed' })
})

t.test('after a logout no refresh that was under way leaves a refresh token', async (t) => {
  for (const [status, cause] of [
    [200, undefined],
    [503, { code: 'bad_status' }],
  ] as const) {
    const server = fakeServer()
    const [released, release] = latch()
    server.answers.set(tokenUrl, async () => {
      await released
      return issue('a', { refresh_token: 'late' })
    })
    const store = sharedStore('r')
    const session = userSession({ ...server.options, store })
    const call = session.getToken()
    await settle()
    await session.logout()
    server.answers.set(revokeUrl, () => new Response('{}', { status }))
    release()
    await t.rejects(call, { code: 'login_required', cause })
    const revoked = server.requestsTo(revokeUrl).map(({ form }) => form.get('token'))
    t.same(revoked, ['r', 'late'])
    t.same(store.saved, [null])
  }
})

t.test('a refresh token that could not be stored is presented next', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const store = sharedStore('r')
  const { save } = store
  const session = userSession({ ...server.options, store })
  store.save = () => {
    throw new Error('disk is full')
  }
  for (const expected of ['r', "r'"]) {
    await t.rejects(session.getToken(), { code: 'store_failed', cause: new Error('disk is full') })
    t.equal(server.requestsTo(tokenUrl).at(-1)?.form.get('refresh_token'), expected)
    server.clock.advance(60_000)
  }
  store.save = save
  t.equal(await session.getToken(), "a-r''", 'no reuse')
  t.same(store.saved, ["r'''"])
})

t.test('what is stored but is no refresh token is an error, which a login or a logout mends', async (t) => {
  for (const garbage of [{ token: 'r' }, 5, 'r\nr', 'x'.repeat(100_000)]) {
    const server = fakeServer()
    rotateTokens(server)
    const saved: unknown[] = []
    const store = { load: () => garbage, save: (next: unknown) => void saved.push(next) }
    const session = userSession({ ...server.options, store })
    const message = 'load() does not return a refresh token'
    await t.rejects(session.getToken(), { code: 'store_failed', cause: { message } })
    await t.rejects(session.logout(), { code: 'store_failed' })
    await session.login('new')
    t.same(saved, [null, 'new'])
    t.equal(server.requests.length, 0)
  }
  for (const nothing of [undefined, null, '']) {
    const session = userSession({ ...fakeServer().options, store: { load: () => nothing, save: () => {} } })
    await t.rejects(session.getToken(), { code: 'login_required' })
    await session.logout()
  }
})

t.test('a logout that cannot be stored forgets the access tokens all the same', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const session = userSession({
    ...server.options,
    refreshToken: 'r',
    onRotate: (token) => (token === null ? Promise.reject(new Error('disk is full')) : null),
  })
  await session.getToken()
  await t.rejects(session.logout(), { code: 'store_failed' })
  t.equal(await session.getToken(), "a-r'")
})

t.test('a login without a refresh token is an error, and changes nothing', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const session = userSession({ ...server.options, refreshToken: 'r' })
  for (const token of [undefined, null, '', 5, 'a b'])
    await t.rejects(session.login(token as string), {
      name: 'TypeError',
      message: 'login: refreshToken must be a refresh token',
    })
  t.equal(await session.getToken(), 'a-r')
})

t.test('a refused refresh token ends the session until the next login', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => refuse('invalid_grant'))
  const store = sharedStore('r')
  const session = userSession({ ...server.options, store })
  await t.rejects(session.getToken(), { code: 'login_required', cause: { code: 'invalid_grant' } })
  t.equal(store.token, null)
  t.match(
    server.events.find(({ type }) => type === 'session_ended'),
    { error: { code: 'login_required' } },
  )
  rotateTokens(server)
  await session.login('new')
  t.equal(await session.getToken(), 'a-new')
})

t.test('a refresh token that was refused because another is stored is not the end', async (t) => {
  const server = fakeServer()
  const store = sharedStore('old')
  server.answers.set(tokenUrl, ({ form }) => {
    if (form.get('refresh_token') === 'new') return issue('a-new')
    store.token = 'new'
    return refuse('invalid_grant')
  })
  t.equal(await userSession({ ...server.options, store }).getToken(), 'a-new')
})

t.test('an outage does not end the session', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => new Response('', { status: 503 }))
  const store = sharedStore('r')
  await t.rejects(userSession({ ...server.options, store }).getToken(), { code: 'bad_status' })
  t.equal(store.token, 'r')
})

t.test('a logout forgets the tokens, and revokes the refresh token', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const store = sharedStore('r')
  const session = userSession({ ...server.options, store })
  await session.getToken()
  await session.logout()
  t.equal(store.token, null)
  t.same(Object.fromEntries(server.requestsTo(revokeUrl)[0]?.form ?? []), {
    token: "r'",
    token_type_hint: 'refresh_token',
  })
  await t.rejects(session.getToken(), { code: 'login_required' })
  await session.logout()
  t.equal(server.requestsTo(revokeUrl).length, 1)
})

t.test('a logout that the server does not hear of is an error, but a logout', async (t) => {
  const server = fakeServer()
  server.answers.set(revokeUrl, () => new Response('', { status: 503 }))
  const store = sharedStore('r')
  await t.rejects(userSession({ ...server.options, store }).logout(), { code: 'bad_status' })
  t.equal(store.token, null)
  const options = { ...server.options, issuer: 'https://small.example.com', refreshToken: 'r' }
  const metadata = { issuer: options.issuer, token_endpoint: `${options.issuer}/token` }
  server.answers.set(`${options.issuer}/.well-known/oauth-authorization-server`, () =>
    Response.json(metadata),
  )
  await t.rejects(userSession(options).logout(), { code: 'invalid_metadata' })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(userSession(options).logout({ signal }), new Error('enough'))
})

/** Locks of a browser, which record their names. */
function webLocks(): {
  names: string[]
  request<T>(name: string, options: object, task: () => Promise<T>): Promise<T>
} {
  const names: string[] = []
  return {
    names,
    request(name, _options, task) {
      names.push(name)
      return task()
    },
  }
}

t.test('tabs share locks', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const locks = webLocks()
  await userSession({ ...server.options, refreshToken: 'r', locks }).getToken()
  t.same(locks.names, [`latchkey ${issuer} reports refresh`, `latchkey ${issuer} reports store`])
  const failing = userSession({
    ...server.options,
    locks,
    store: { load: () => Promise.reject(new Error('x')), save: () => {} },
  })
  await t.rejects(failing.getToken(), { code: 'store_failed' })
})

t.test('a lock that another tab never gives back does not hold the session up for ever', async (t) => {
  const server = fakeServer()
  rotateTokens(server)
  const locks = { request: () => Promise.reject(new Error('aborted')) }
  t.equal(await userSession({ ...server.options, refreshToken: 'r', locks }).getToken(), 'a-r')
})

t.test('locks of the browser are found where there is a page', async (t) => {
  const locks = webLocks()
  t.intercept(globalThis as { location?: unknown }, 'location', {
    value: { href: service },
    configurable: true,
  })
  t.intercept(globalThis as { navigator?: unknown }, 'navigator', { value: { locks }, configurable: true })
  const server = fakeServer()
  rotateTokens(server)
  t.equal(
    await (await userSession({ ...server.options, refreshToken: 'r' }).fetch('/orders')).text(),
    'Bearer a-r',
  )
  t.equal(locks.names.length, 2)
  t.intercept(globalThis as { navigator?: unknown }, 'navigator', { value: {}, configurable: true })
  t.equal(await userSession({ ...server.options, refreshToken: 'r' }).getToken(), 'a-r')
})

t.test('on Workers no call waits for that of another request', async (t) => {
  t.intercept(globalThis as { navigator?: unknown }, 'navigator', {
    value: { userAgent: 'Cloudflare-Workers' },
    configurable: true,
  })
  const server = fakeServer()
  const session = userSession({ ...server.options, refreshToken: 'r' })
  t.same(await Promise.all([session.getToken(), session.getToken()]), ['t1', 't2'])
  server.clock.advance(900_000)
  t.same(await Promise.all([session.getToken(), session.getToken()]), ['t2', 't2'])
  t.equal(await session.getToken(), 't3', 'renewed once')
})

t.test('a login with a password returns the tokens', async (t) => {
  const server = fakeServer()
  server.answers.set(tokenUrl, () => issue('a', { refresh_token: 'r', scope: 'me' }))
  const { clientSecret, ...options } = server.options
  const tokens = await passwordLogin({ ...options, username: 'u', password: 'p', scope: 'me' })
  t.same(tokens, { accessToken: 'a', refreshToken: 'r', scope: 'me', expiresIn: 1000 })
  const form = Object.fromEntries(server.requestsTo(tokenUrl)[0]?.form ?? [])
  t.same(form, { grant_type: 'password', username: 'u', password: 'p', scope: 'me', client_id: 'reports' })
  await passwordLogin({ ...options, username: 'u', password: 'p' })
  t.equal(server.requestsTo(tokenUrl)[1]?.form.has('scope'), false)
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(passwordLogin({ ...options, username: 'u', password: 'p', signal }), new Error('enough'))
})

import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { issuer, startIssuer } from '../../conformance/server.js'
import { query } from '../../database/query.js'
import { startApp } from '../../helpers/app.js'
import { cloneDatabase } from '../../helpers/database.js'
import { decodeList, revokedIn, revokeEntries, storeList } from '../../helpers/status-lists.js'
import { until } from '../../helpers/wait.js'

// draft-ietf-oauth-status-list, as the sections in the titles.

/** Starts the service over a database of which lists can be stored. */
async function startLists(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startIssuer(t, settings, url)
  return { app, url }
}

/** Requests a list, after the service has received the changes so far. */
async function readList(app: FastifyInstance, id: string, headers: Record<string, string> = {}) {
  await app.changes.sync()
  return app.inject({ url: `/status-lists/${id}`, headers })
}

/** Returns whether a published key of the service has signed a token. */
async function isSigned(app: FastifyInstance, token: string): Promise<boolean> {
  const { keys } = (await app.inject('/.well-known/jwks.json')).json<{
    keys: (JsonWebKey & { kid: string })[]
  }>()
  const jwk = keys.find(({ kid }) => kid === decodeList(token).header.kid)
  const key = createPublicKey({ key: jwk ?? {}, format: 'jwk' })
  const [header, claims, signature = ''] = token.split('.')
  return verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
}

const { app, url } = await startLists(t)
const list = await storeList(url)
await revokeEntries(url, list, 7, 3)
const indices = [7, 8, 9].map(list.indexOf).sort((one, other) => one - other)

t.test('§5.1 a list is a token, signed by the key ring, with one bit for each entry', async (t) => {
  const response = await readList(app, list.id)
  t.equal(response.statusCode, 200)
  const { header, claims, revoked } = decodeList(response.body)
  t.match(header, { typ: 'statuslist+jwt', alg: 'ES256' })
  t.ok(await isSigned(app, response.body))
  t.match(claims, { sub: `${issuer}/status-lists/${list.id}`, ttl: 3, status_list: { bits: 1 } })
  t.equal(claims.exp, claims.iat + 600)
  const [{ now } = { now: 0 }] = await query<{ now: number }>(
    url,
    'SELECT extract(epoch FROM now())::float8 AS now',
  )
  t.ok(claims.iat <= now && claims.iat > now - 61, 'signed in this minute, by the clock of the database')
  t.same(Object.keys(claims).sort(), ['exp', 'iat', 'status_list', 'sub', 'ttl'])
  t.same(revoked(), indices)
})

t.test('§8.2 its media type and its headers', async (t) => {
  const { headers } = await readList(app, list.id)
  t.match(headers, {
    'content-type': 'application/statuslist+jwt',
    'cache-control': 'public, max-age=1',
    vary: 'accept-encoding',
    etag: /^W\/"[\w-]{22}\.\d{8}"$/,
    'access-control-allow-origin': '*',
  })
})

t.test('an RSA key signs lists too', async (t) => {
  const { app, url } = await startLists(t, { SIGNING_ALGORITHM: 'RS256' })
  const { body } = await readList(app, (await storeList(url)).id)
  t.equal(decodeList(body).header.alg, 'RS256')
  t.ok(await isSigned(app, body))
})

t.test('§8.1 the client chooses what it accepts', async (t) => {
  for (const [accept, status] of [
    ['application/statuslist+jwt', 200],
    ['application/*;q=0.1', 200],
    ['*/*', 200],
    [`${'text/html, '.repeat(500)}*/*`, 200],
    ['application/statuslist+cwt', 406],
    ['application/statuslist+jwt;q=0', 406],
    ['text/html', 406],
    ['?', 406],
  ] as const)
    t.equal((await readList(app, list.id, { accept })).statusCode, status, accept.slice(-30))
  t.same((await readList(app, list.id, { accept: 'text/html' })).json(), {
    detail: 'Not Acceptable',
    code: 'not_acceptable',
  })
})

t.test('§8.4 only the current list is available', async (t) => {
  for (const search of ['time=1686925000', 'time=', 'time=1&time=2', 'time=%22']) {
    const response = await app.inject(`/status-lists/${list.id}?${search}`)
    t.equal(response.statusCode, 501, search)
    t.equal(response.json<{ code: string }>().code, 'unsupported_historical_status')
  }
  t.equal((await app.inject(`/status-lists/${list.id}?cache=none`)).statusCode, 200)
})

t.test('a list is compressed for clients that want that', async (t) => {
  for (const [coding, isCompressed] of [
    ['gzip', true],
    ['br, gzip;q=0.5, identity;q=0.1', true],
    ['*', true],
    ['identity', false],
    ['gzip;q=0', false],
    ['br', false],
    ['', false],
  ] as const) {
    const { headers, rawPayload } = await readList(app, list.id, { 'accept-encoding': coding })
    t.equal(headers['content-encoding'], isCompressed ? 'gzip' : undefined, coding)
    t.equal(Number(headers['content-length']), rawPayload.length)
    const token = isCompressed ? gunzipSync(rawPayload) : rawPayload
    t.same(decodeList(String(token)).revoked(), indices)
  }
})

t.test('HEAD has the headers of GET', async (t) => {
  const request = { url: `/status-lists/${list.id}`, headers: { 'accept-encoding': 'gzip' } }
  const [got, asked] = [await app.inject(request), await app.inject({ ...request, method: 'HEAD' })]
  t.equal(asked.statusCode, 200)
  t.equal(asked.body, '')
  for (const name of ['content-type', 'content-encoding', 'cache-control', 'vary'])
    t.equal(asked.headers[name], got.headers[name], name)
  t.ok(asked.headers.etag && asked.headers['content-length'])
})

t.test('a client keeps its copy while the bits are the same', async (t) => {
  const etag = String((await readList(app, list.id)).headers.etag)
  const [, digest = '', minute] = /^W\/"(.{22})\.(\d+)"$/.exec(etag) ?? []
  const older = `W/"${digest}.${Number(minute) - 2}"`
  for (const [field, kept] of [
    [etag, etag],
    [`"x", ${etag.slice(2)}`, etag.slice(2)],
    [older, older],
  ] as const)
    for (const method of ['GET', 'HEAD'] as const) {
      const response = await app.inject({
        method,
        url: `/status-lists/${list.id}`,
        headers: { 'if-none-match': field },
      })
      t.equal(response.statusCode, 304, field)
      t.equal(response.body, '')
      t.equal(response.headers.etag, kept)
      t.match(response.headers, { 'cache-control': 'public, max-age=1', vary: 'accept-encoding' })
    }
  t.equal((await readList(app, list.id, { 'if-none-match': '*' })).statusCode, 304)
  for (const field of [
    '"x"',
    `W/"${digest}.${Number(minute) - 9}"`,
    `W/"${'A'.repeat(22)}.${minute}"`,
    digest,
  ])
    t.equal((await readList(app, list.id, { 'if-none-match': field })).statusCode, 200, field)
  const refused = await readList(app, list.id, { 'if-match': etag })
  t.equal(refused.statusCode, 412, 'a weak tag matches no state')
  t.equal(refused.headers['cache-control'], undefined, 'and is not cached')
})

t.test('a revocation shows, and the entity tag changes', async (t) => {
  const changing = await storeList(url)
  const { headers, body } = await readList(app, changing.id)
  t.same(decodeList(body).revoked(), [])
  await revokeEntries(url, changing, 5)
  await until(async () => {
    const response = await readList(app, changing.id, { 'if-none-match': String(headers.etag) })
    const revoked = revokedIn(response)
    if (revoked) t.same(revoked, [changing.indexOf(5)])
    return revoked !== null
  })
})

t.test('a list of which all entries are revoked is served', async (t) => {
  const full = await storeList(url)
  await revokeEntries(url, full, 0, 2 ** 20)
  t.equal(decodeList((await readList(app, full.id)).body).revoked().length, 2 ** 20)
})

t.test('lists that are unknown or retired are not found', async (t) => {
  const retired = await storeList(url, '-1 second')
  for (const id of [
    retired.id,
    'AAAAAAAAAAA',
    list.id.slice(0, -1),
    `${list.id}A`,
    `${list.id}%20`,
    '__proto__',
    'constructor',
    '%00',
    '..%2F..%2Ftoken',
    "'%20OR%20true--",
    '%F0%9F%94%91',
    'x'.repeat(1_024),
  ])
    for (const method of ['GET', 'HEAD'] as const) {
      await app.changes.sync()
      const response = await app.inject({ method, url: `/status-lists/${id}` })
      t.equal(response.statusCode, 404, id.slice(0, 20))
    }
  t.equal((await readList(app, 'x'.repeat(1_025))).statusCode, 414)
  t.equal((await readList(app, '%FF')).statusCode, 400)
})

t.test('a list is found before its making has been announced', async (t) => {
  for (let times = 0; times < 20; times++) {
    const { id } = await storeList(url)
    await until(async () => {
      const { statusCode } = await app.inject(`/status-lists/${id}`)
      t.not(statusCode, 404)
      return statusCode === 200
    })
  }
})

t.test('a list that is deleted is not found from then on', async (t) => {
  const deleted = await storeList(url)
  t.equal((await readList(app, deleted.id)).statusCode, 200)
  await query(url, 'DELETE FROM status_lists WHERE id = $1', [deleted.id])
  t.equal((await readList(app, deleted.id)).statusCode, 404)
})

t.test('§9 the aggregation has the lists that are live, the oldest first', async (t) => {
  const { app, url } = await startLists(t)
  const read = async () => {
    await app.changes.sync()
    return app.inject('/status-lists')
  }
  t.same((await read()).json(), { status_lists: [] })
  const [first, second] = [await storeList(url), await storeList(url)]
  await storeList(url, '-1 second')
  const response = await read()
  t.same(response.json(), { status_lists: [first, second].map(({ id }) => `${issuer}/status-lists/${id}`) })
  t.match(response.headers, {
    'content-type': /^application\/json/,
    'cache-control': 'public, max-age=1',
    'access-control-allow-origin': '*',
  })
  const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json<object>()
  t.match(metadata, { status_list_aggregation_endpoint: `${issuer}/status-lists` })
})

t.test('where tokens have no status there are no lists', async (t) => {
  for (const settings of [{ JWT_SECRET: '', STATUS_LISTS: 'false' }, { STATUS_LISTS: 'true' }]) {
    const url = await cloneDatabase(t)
    const app = await startApp(t, settings, url)
    const { id } = await storeList(url)
    t.equal((await app.inject('/status-lists')).statusCode, 404)
    t.equal((await readList(app, id)).statusCode, 404)
    const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json<object>()
    t.notOk('status_list_aggregation_endpoint' in metadata)
  }
})

t.test('after a rotation the new key signs', async (t) => {
  const { app, url } = await startLists(t, { JWKS_MAX_AGE_SECONDS: '1' })
  const { id } = await storeList(url)
  const { headers, body } = await readList(app, id)
  const etag = String(headers.etag)
  const { kid } = decodeList(body).header
  await query(url, "UPDATE signing_keys SET signs_at = signs_at - interval '31 days'")
  await until(async () => {
    const response = await readList(app, id)
    return response.statusCode === 200 && decodeList(response.body).header.kid !== kid
  })
  const response = await readList(app, id, { 'if-none-match': etag })
  t.equal(response.statusCode, 200, 'a copy that the former key signed is not kept')
  t.ok(await isSigned(app, response.body))
})

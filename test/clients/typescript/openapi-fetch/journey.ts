import assert from 'node:assert/strict'
import createClient from 'openapi-fetch'
import type { paths } from './schema.js'

const [, , baseUrl = '', client_id = '', client_secret = ''] = process.argv
const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
const client = createClient<paths>({ baseUrl })

const login = await client.POST('/token', {
  headers,
  body: { grant_type: 'password', username: 'johndoe', password: 'secret' },
})
const { refresh_token } = required(login)
const refreshed = required(
  await client.POST('/token', { headers, body: { grant_type: 'refresh_token', refresh_token } }),
)
const user = createClient<paths>({
  baseUrl,
  headers: { Authorization: `Bearer ${refreshed.access_token}` },
})

const me = required(await user.GET('/users/me/'))
assert.equal(me.username, 'johndoe')

const once = { header: { 'Idempotency-Key': 'openapi-fetch' } }
const body = { item_id: 'openapi-fetch', title: 'A thing' }
const created = required(await user.POST('/users/me/items/', { params: once, body }))
assert.equal(created.title, 'A thing')
const repeated = await user.POST('/users/me/items/', { params: once, body })
assert.equal(repeated.response.headers.get('Idempotency-Replayed'), 'true')
assert.deepEqual(repeated.data, created)

const conflict = await user.POST('/users/me/items/', { body })
assert.equal(conflict.response.status, 409)
assert.equal(conflict.error?.code, 'item_exists')

const invalid = await user.POST('/users/me/items/', { body: { title: 'two\nlines' } })
assert.equal(invalid.response.status, 422)
assert(Array.isArray(invalid.error?.detail))
assert.deepEqual(invalid.error.detail[0]?.loc, ['body', 'title'])

const listed: string[] = []
let cursor: string | undefined
do {
  const query = { limit: 1, ...(cursor && { cursor }) }
  const page = await user.GET('/users/me/items/', { params: { query } })
  listed.push(...required(page).map((item) => item.item_id))
  cursor = nextCursor(page.response)
} while (cursor)
assert(listed.length > 1 && listed.includes(created.item_id))

const path = { item_id: created.item_id }
const read = await user.GET('/users/me/items/{item_id}', { params: { path } })
const params = { path, header: { 'If-Match': read.response.headers.get('ETag') ?? '' } }
const changed = required(
  await user.PATCH('/users/me/items/{item_id}', { params, body: { title: 'Another thing' } }),
)
assert.equal(changed.title, 'Another thing')
const late = await user.PATCH('/users/me/items/{item_id}', { params, body: { title: 'Too late' } })
assert.equal(late.response.status, 412)
assert.equal(late.error?.code, 'precondition_failed')

const credentials = { client_id, client_secret }
const { access_token: token } = required(
  await client.POST('/token', { headers, body: { grant_type: 'client_credentials', ...credentials } }),
)
const reference = { headers, body: { token, ...credentials } }
const active = required(await client.POST('/introspect', reference))
assert.equal(active.client_id, client_id)
required(await client.POST('/revoke', reference))
const revoked = required(await client.POST('/introspect', reference))
assert.equal(revoked.active, false)

function required<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert(data !== undefined, JSON.stringify(error))
  return data
}

/** Returns the cursor of the page after this one, from the header `Link`. */
function nextCursor({ headers }: Response): string | undefined {
  const [, next] = /<([^>]*)>; rel="next"/.exec(headers.get('Link') ?? '') ?? []
  return next && (new URL(next, baseUrl).searchParams.get('cursor') ?? undefined)
}

import assert from 'node:assert/strict'
import { createClient } from './client/client/index.js'
import {
  createOwnItem,
  introspectToken,
  listOwnItems,
  patchOwnItem,
  readCurrentUser,
  readOwnItem,
  requestToken,
  revokeToken,
} from './client/index.js'

const [, , baseUrl = '', client_id = '', client_secret = ''] = process.argv
const client = createClient({ baseUrl })

const { refresh_token } = required(
  await requestToken({
    client,
    body: { grant_type: 'password', username: 'johndoe', password: 'secret' },
  }),
)
const refreshed = required(
  await requestToken({ client, body: { grant_type: 'refresh_token', refresh_token } }),
)
const user = createClient({ baseUrl, auth: refreshed.access_token })

const me = required(await readCurrentUser({ client: user }))
assert.equal(me.username, 'johndoe')

const headers = { 'Idempotency-Key': 'hey-api' }
const body = { item_id: 'hey-api', title: 'A thing' }
const created = required(await createOwnItem({ client: user, headers, body }))
assert.equal(created.title, 'A thing')
const repeated = await createOwnItem({ client: user, headers, body })
assert.equal(repeated.response.headers.get('Idempotency-Replayed'), 'true')
assert.deepEqual(repeated.data, created)

const conflict = await createOwnItem({ client: user, body })
assert.equal(conflict.response.status, 409)
assert.equal(conflict.error?.code, 'item_exists')

const invalid = await createOwnItem({ client: user, body: { title: 'two\nlines' } })
assert.equal(invalid.response.status, 422)
assert(Array.isArray(invalid.error?.detail))
assert.deepEqual(invalid.error.detail[0]?.loc, ['body', 'title'])

const listed: string[] = []
let cursor: string | undefined
do {
  const page = await listOwnItems({ client: user, query: { limit: 1, cursor } })
  listed.push(...required(page).map((item) => item.item_id))
  cursor = nextCursor(page.response)
} while (cursor)
assert(listed.length > 1 && listed.includes(created.item_id))

const path = { item_id: created.item_id }
const read = await readOwnItem({ client: user, path })
const condition = { 'If-Match': read.response.headers.get('ETag') ?? '' }
const change = { client: user, path, headers: condition }
const changed = required(await patchOwnItem({ ...change, body: { title: 'Another thing' } }))
assert.equal(changed.title, 'Another thing')
const late = await patchOwnItem({ ...change, body: { title: 'Too late' } })
assert.equal(late.response.status, 412)
assert.equal(late.error?.code, 'precondition_failed')

const credentials = { client_id, client_secret }
const { access_token: token } = required(
  await requestToken({ client, body: { grant_type: 'client_credentials', ...credentials } }),
)
const reference = { client, body: { token, ...credentials } }
const active = required(await introspectToken(reference))
assert.equal(active.client_id, client_id)
required(await revokeToken(reference))
const revoked = required(await introspectToken(reference))
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

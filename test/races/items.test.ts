import t from 'tap'
import { query } from '../database/query.js'
import { postForm, startReplicas } from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'

const path = '/users/me/items/'

async function start(t: import('tap').Test) {
  const { url, one, other } = await startReplicas(t)
  const { body } = await postForm(one, '/token', { username: 'johndoe', password: 'secret' })
  const send = (service: Service, method: string, target: string, content: object, headers = {}) =>
    fetch(`${service.origin}${target}`, {
      method,
      headers: {
        authorization: `Bearer ${body.access_token}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(content),
    })
  return { url, either: (i: number) => (i % 2 ? one : other), send }
}

t.test('parallel requests with one Idempotency-Key to two replicas add one item', async (t) => {
  const { url, either, send } = await start(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      send(either(i), 'POST', path, { title: 'One' }, { 'idempotency-key': 'once' }),
    ),
  )
  const bodies = await Promise.all(answers.map((answer) => answer.text()))
  t.same([...new Set(answers.map(({ status }) => status))], [201])
  t.equal(new Set(bodies).size, 1)
  t.equal((await query(url, "SELECT FROM items WHERE title = 'One'")).length, 1)
})

t.test('one of several parallel changes with the same If-Match to two replicas is made', async (t) => {
  const { either, send } = await start(t)
  const added = await send(either(0), 'PUT', `${path}Bar`, {})
  const condition = { 'if-match': String(added.headers.get('etag')) }
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      send(either(i), 'PATCH', `${path}Bar`, { title: `${i}` }, condition),
    ),
  )
  const statuses = answers.map(({ status }) => status).sort()
  t.same(statuses, [200, ...Array.from({ length: 19 }, () => 412)])
})

t.test('one of several parallel additions of the same id to two replicas is made', async (t) => {
  const { either, send } = await start(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      send(either(i), 'PUT', `${path}Baz`, { title: `${i}` }, { 'if-none-match': '*' }),
    ),
  )
  t.same(answers.map(({ status }) => status).sort(), [201, ...Array.from({ length: 19 }, () => 412)])
})

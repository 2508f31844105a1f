import t from 'tap'
import { basic, postTo } from '../conformance/server.js'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'

const form = { grant_type: 'client_credentials', token: 'x' }
const endpoints = ['/token', '/revoke', '/introspect']

t.test('failed client authentications are recorded, those within an hour in one row', async (t) => {
  const app = await startApp(t)
  await storeClient(app.database, 'reports', 'secret')
  await storeClient(app.database, 'locked', 'secret')
  await app.database.client.update({ where: { clientId: 'locked' }, data: { disabled: true } })
  await app.changes.sync()
  for (const url of endpoints) {
    for (const [id, secret] of [
      ['reports', 'wrong'],
      ['reports', ''],
      ['locked', 'secret'],
    ] as const) {
      const response = await postTo(app, url, form, basic(id, secret))
      t.equal(response.statusCode, 401)
      t.equal(response.json<{ error: string }>().error, 'invalid_client')
    }
    t.equal((await postTo(app, url, form, basic('reports', 'secret'))).statusCode, 200)
  }
  const events = await app.database.event.findMany({ orderBy: { id: 'asc' } })
  const common = { action: 'client_authentication', outcome: 'failed', actor: null, userId: null }
  t.match(events, [
    { ...common, subject: 'client:reports', address: '127.0.0.1', count: 6 },
    { ...common, subject: 'client:locked', address: '127.0.0.1', count: 3 },
  ])
  t.equal(events.length, 2)
})

t.test('unknown client ids are counted together and not recorded', async (t) => {
  const app = await startApp(t)
  const ids = [
    'nobody',
    'x'.repeat(300),
    'a\0b',
    '\ud800',
    ...Array.from({ length: 50 }, (_, i) => `unknown-${i}`),
  ]
  for (const client_id of ids)
    t.equal((await postTo(app, '/token', { ...form, client_id, client_secret: 'x' })).statusCode, 401)
  const events = await app.database.event.findMany()
  t.match(events, [{ action: 'client_authentication', subject: null, count: ids.length }])
  t.equal(events.length, 1)
})

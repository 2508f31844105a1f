import jwt from '@fastify/jwt'
import fastify from 'fastify'
import pg from 'pg'
import { Item } from '#dist/src/items/item-schema.js'
import { User } from '#dist/src/users/user-schema.js'

// The baselines: the same responses from routes that do only what is necessary.

/** @type {{ port: number, publicPem: string, databaseUrl: string, key: [ownerId: string, id: string] }} */
const { port, publicPem, databaseUrl, key } = JSON.parse(process.argv[2] ?? '')

const user = { username: 'johndoe', email: 'johndoe@example.com', full_name: 'John Doe', disabled: false }
const readItem = {
  name: 'read item',
  text: 'SELECT item_id, title FROM items WHERE owner_id = $1 AND id = $2',
}
const schema = { response: { 200: User } }

const app = fastify({ logger: false })
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
await app.register(jwt, {
  secret: { public: publicPem },
  verify: { algorithms: ['ES256'], cache: true },
})

app.get('/bare', { schema }, async () => user)

app.get('/verified', { schema, onRequest: (request) => request.jwtVerify() }, async () => user)

app.get('/items', { schema: { response: { 200: { type: 'array', items: Item } } } }, async () => {
  const { rows } = await pool.query({ ...readItem, values: key })
  return rows.map(({ item_id, title }) => ({
    item_id,
    owner: 'johndoe',
    ...(title !== null && { title }),
  }))
})

await app.listen({ host: '127.0.0.1', port })

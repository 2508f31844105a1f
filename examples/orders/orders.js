// Lists orders, with what the inventory has in stock. It accepts tokens with @latchkey/verify, and asks the inventory with a token of its
// own, which @latchkey/client gets and renews.
import { serviceClient } from '@latchkey/client'
import { secretFile } from '@latchkey/client/node'
import { latchkeyFastify } from '@latchkey/verify/fastify'
import fastify from 'fastify'

const { ISSUER: issuer, SECRET_FILE, INVENTORY_URL, HOST: host, PORT: port } = process.env
// Within the containers' network there is no https. Leave it out elsewhere.
const allowHttp = true

const orders = [
  { id: 1, item: 'chair', quantity: 4 },
  { id: 2, item: 'table', quantity: 1 },
]
const inventory = serviceClient({
  issuer,
  clientId: 'orders',
  clientSecret: secretFile(SECRET_FILE),
  scope: 'inventory:read',
  allowHttp,
})
const app = fastify()
// nginx, behind which Latchkey is here, keeps status lists for up to 2 s.
const statusPollMs = 2_000
await app.register(latchkeyFastify, { issuer, audience: 'https://orders.example', statusPollMs, allowHttp })

app.get('/orders', { onRequest: app.requireScope('orders:read') }, async (request) => {
  const response = await inventory.fetch(`${INVENTORY_URL}/stock`)
  if (!response.ok) throw new Error(`the inventory responded with ${response.status}`)
  const stock = await response.json()
  const listed = orders.map((order) => ({ ...order, in_stock: stock[order.item] }))
  return { caller: request.caller.subject, orders: listed }
})

console.log(`orders listens at ${await app.listen({ host, port: Number(port) })}`)

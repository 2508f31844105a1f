import { openDatabase } from '../../../src/database/client.js'
import { storeClient } from '../../helpers/clients.js'
import { logIn, refresh } from '../../helpers/replicas.js'
import type { Service } from '../../helpers/service.js'
import { sendWire } from '../../helpers/wire.js'

/** Sends a request with an access token, and reads the response. */
async function request(
  { origin }: Service,
  path: string,
  token: string,
  init: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const response = await fetch(`${origin}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  })
  await response.arrayBuffer()
  return response
}

/** Adds an item to those of the token's user. */
export function addItem(service: Service, token: string): Promise<Response> {
  return request(service, '/users/me/items/', token, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item_id: `i${Math.random()}` }),
  })
}

/** Reads the items of the token's user. */
export function listItems(service: Service, token: string): Promise<Response> {
  return request(service, '/users/me/items/', token)
}

/** Reads the status list that a token names, from the service itself. */
export function readStatusList(service: Service, token: string): Promise<Response> {
  const claims = JSON.parse(String(Buffer.from(token.split('.')[1] ?? '', 'base64url'))) as {
    status: { status_list: { uri: string } }
  }
  return request(service, new URL(claims.status.status_list.uri).pathname, token)
}

/** Name and secret of a client that `storeShop` stores. */
const shop = { id: 'shop', secret: 'a secret of a client, long enough to be one' }

/** Stores a client that can get tokens of its own. */
export async function storeShop(url: string): Promise<void> {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  await storeClient(database, shop.id, shop.secret)
  await database.$disconnect()
}

/** Does everything that the dashboard shows, once. */
export async function useEverything(service: Service): Promise<void> {
  const { access_token, refresh_token } = await logIn(service)
  await logIn(service, 'johndoe', 'wrong')
  await refresh(service, refresh_token)
  await addItem(service, access_token)
  await listItems(service, access_token)
  await readStatusList(service, access_token)
  await request(service, '/verify', access_token)
  await requestClientToken(service)
  await sendWire(service.port, 'no HTTP\r\n\r\n')
}

async function requestClientToken({ origin }: Service): Promise<void> {
  const response = await fetch(`${origin}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${shop.id}:${shop.secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  await response.arrayBuffer()
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../helpers/service.js'
import { bearer, type Client, type Exchange } from './requests.js'

/** Title of an item, which is the key of the request that adds it too. */
type Title = string

/** An owner of items, with an access token, and the service to which they send requests. */
interface Owner {
  username: string
  token: string
  service: Service
}

/** Adds items of one owner, one after the other. */
export interface Writer {
  owner: Owner
  /** Items whose addition was confirmed. */
  confirmed: Title[]
  /** Items whose addition was answered otherwise, and the code in the response. */
  refused: { title: Title; code: unknown }[]
}

/** Pause between the requests of one writer, and after a refusal (milliseconds). */
const pauseMs = { next: 10, refused: 100 }

/** Adds items until it is stopped. */
export async function write(writer: Writer, client: Client, isStopped: () => boolean): Promise<void> {
  for (let number = 1; !isStopped(); number++) {
    const title = `${writer.owner.username} ${number} ${performance.now()}`
    const { status, body } = await addItem(client, writer.owner, title)
    const isConfirmed = status === 201
    if (isConfirmed) writer.confirmed.push(title)
    else writer.refused.push({ title, code: body.code })
    await delay(isConfirmed ? pauseMs.next : pauseMs.refused)
  }
}

/**
 * Repeats each request that was refused, with its key, until it is confirmed.
 *
 * @returns the codes of the refusals in spite of which an item was stored
 */
export async function repeatRefused(
  { owner, refused, confirmed }: Writer,
  client: Client,
): Promise<unknown[]> {
  const codes: unknown[] = []
  for (const { title, code } of refused) {
    const { headers } = await addUntilConfirmed(client, owner, title)
    if (headers.has('idempotency-replayed')) codes.push(code)
    confirmed.push(title)
  }
  return codes
}

async function addUntilConfirmed(client: Client, owner: Owner, title: Title): Promise<Exchange> {
  for (;;) {
    const exchange = await addItem(client, owner, title)
    if (exchange.status === 201) return exchange
    await delay(pauseMs.refused)
  }
}

function addItem(client: Client, { service, token }: Owner, title: Title): Promise<Exchange> {
  return client.send('write', service, '/users/me/items/', {
    method: 'POST',
    headers: {
      ...bearer(token),
      'content-type': 'application/json',
      'idempotency-key': title.replaceAll(' ', '-'),
    },
    body: JSON.stringify({ title }),
  })
}

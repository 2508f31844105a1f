import { KeyObject, type webcrypto } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'

export const issuer = 'https://login.example.com'
export const clientId = 'reports'
export const secret = 'a secret: of 100% + more'

/** Starts the service on a free port, and returns a fetch function that sends requests for the issuer there. */
export async function listen(t: Test, settings: Record<string, string> = {}, url?: string) {
  const app = await startApp(t, { JWT_SECRET: '', ISSUER: issuer, ...settings }, url)
  await storeClient(app.database, clientId, secret, ['me', 'items:read', 'orders:read'])
  await app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  function fetchFromIssuer(input: string | URL | Request, init?: object): Promise<Response> {
    const url = input instanceof Request ? input.url : String(input)
    return fetch(url.replace(issuer, origin), init)
  }
  return { app, origin, fetchFromIssuer }
}

/** Returns the response to a token at the current user's route. */
export async function statusOf(origin: string, token: string): Promise<number> {
  return (await fetch(`${origin}/users/me/`, { headers: { authorization: `Bearer ${token}` } })).status
}

/** Gives the client one public key in place of those that it has. */
export async function replaceKeys(app: FastifyInstance, publicKey: webcrypto.CryptoKey, kid: string) {
  const jwks = { keys: [{ ...KeyObject.from(publicKey).export({ format: 'jwk' }), kid }] }
  await app.database.clientKeys.upsert({
    where: { clientId },
    create: { clientId, jwks },
    update: { jwks },
  })
  await app.changes.sync()
}

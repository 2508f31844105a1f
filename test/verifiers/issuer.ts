import { createPrivateKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { generateRingKey } from '../../src/auth/keys/generate.js'
import type { PublicJwk, RingAlgorithm } from '../../src/auth/keys/jwt.js'
import { insertKey } from '../../src/auth/keys/key-store.js'
import { loadConfig } from '../../src/config/index.js'
import { openDatabase } from '../../src/database/client.js'
import { sealingKeysOf } from '../../src/sealing/sealing-keys.js'
import { asUser, reports } from '../conformance/server.js'
import { postToken, startApp, untilConnected } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { storeResource } from '../helpers/resources.js'

/** Identifiers of the service that judges tokens, and of another one. */
export const resource = 'https://orders.example'
export const otherResource = 'https://invoices.example'

/** A key pair of the issuer. */
interface IssuerKey {
  privateKey: KeyObject
  publicJwk: PublicJwk
}

/** A token as the service issued it. */
interface IssuedToken {
  algorithm: RingAlgorithm
  /** Whether it was issued to a client itself, and not to a user. */
  isOfClient: boolean
  audience: string
  token: string
}

/** A running service whose JWK Set has a key of either algorithm, and tokens of both. */
export interface Issuer {
  origin: string
  app: FastifyInstance
  keys: Record<RingAlgorithm, IssuerKey>
  tokens: IssuedToken[]
  refreshToken: string
  /** Texts that are served in place of the service's own, by their paths. */
  pages: Map<string, string>
}

/** Starts the service with a key for ES256, and then once more on the same database with a newer one for RS256. */
export async function startIssuer(t: Test): Promise<Issuer> {
  let latest: FastifyInstance | undefined
  const pages = new Map<string, string>()
  const server = createServer((request, response) => {
    const page = pages.get(request.url ?? '')
    if (page === undefined) latest?.routing(request, response)
    else response.end(page)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = await cloneDatabase(t)

  async function change(algorithm: RingAlgorithm) {
    const key = await storeKey(url, algorithm)
    const app = await startApp(t, { JWT_SECRET: '', ISSUER: origin, SIGNING_ALGORITHM: algorithm }, url)
    latest = app
    if (algorithm === 'ES256') await storeFixtures(app)
    return { app, key, issued: await issueTokens(app, algorithm, origin) }
  }
  const first = await change('ES256')
  const second = await change('RS256')
  await untilConnected(second.app)
  return {
    origin,
    app: second.app,
    keys: { ES256: first.key, RS256: second.key },
    tokens: [...first.issued.tokens, ...second.issued.tokens],
    refreshToken: second.issued.refreshToken,
    pages,
  }
}

/** Returns the token of a client for an audience. */
export function tokenFor({ tokens }: Issuer, algorithm: RingAlgorithm, audience: string): string {
  const found = tokens.find(
    (one) => one.algorithm === algorithm && one.audience === audience && one.isOfClient,
  )
  return found?.token ?? ''
}

/** Stores a key that signs from now on. */
async function storeKey(url: string, algorithm: RingAlgorithm): Promise<IssuerKey> {
  const config = loadConfig({})
  const database = openDatabase(config, url)
  const { privateKey, publicJwk } = await generateRingKey(algorithm)
  const [current] = sealingKeysOf(config)
  await insertKey({ privateKey, publicJwk }, { leadSeconds: 0, tokenTtlSeconds: 1800 }, current, database)
  await database.$disconnect()
  return { privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }), publicJwk }
}

async function storeFixtures({ database }: FastifyInstance): Promise<void> {
  const scopes = ['me', 'orders:read', 'orders:write', 'invoices:read']
  await storeClient(database, reports.client_id, reports.client_secret, scopes)
  for (const [name, identifier, ofResource] of [
    ['orders', resource, ['orders:read', 'orders:write']],
    ['invoices', otherResource, ['invoices:read']],
  ] as const)
    await storeResource(database, {
      name,
      identifier,
      scopes: [...ofResource],
      defaultScopes: [...ofResource],
    })
}

async function issueTokens(app: FastifyInstance, algorithm: RingAlgorithm, origin: string) {
  const tokens: IssuedToken[] = []
  let refreshToken = ''
  for (const [audience, scope] of [
    [origin, 'me'],
    [resource, 'orders:read'],
    [otherResource, 'invoices:read'],
  ] as const)
    for (const grant of [{ grant_type: 'client_credentials' }, asUser]) {
      const response = await postToken(app, { ...grant, ...reports, scope })
      const body = response.json<{ access_token: string; refresh_token?: string }>()
      tokens.push({ algorithm, isOfClient: grant !== asUser, audience, token: body.access_token })
      refreshToken = body.refresh_token ?? refreshToken
    }
  return { tokens, refreshToken }
}

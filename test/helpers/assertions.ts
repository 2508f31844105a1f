import { constants, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { jwtBearer } from '../../src/auth/clients/credentials.js'
import { issuer, postTo } from '../conformance/server.js'

const pairs = {
  EC: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  OKP: generateKeyPairSync('ed25519'),
}

/** Type of the key, digest and options of `crypto.sign` for each algorithm. */
const signers: Record<string, [type: keyof typeof pairs, hash: string | null, options: object]> = {
  ES256: ['EC', 'sha256', { dsaEncoding: 'ieee-p1363' }],
  RS256: ['RSA', 'sha256', { padding: constants.RSA_PKCS1_PADDING }],
  PS256: ['RSA', 'sha256', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
  EdDSA: ['OKP', null, {}],
  Ed25519: ['OKP', null, {}],
}

/** JWK Set of the test's public keys. Their ids are their types. */
export const keySet = {
  keys: Object.entries(pairs).map(([kid, { publicKey }]) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid,
    use: 'sig',
  })),
}

/** Signs a JWT, by default with the test's key for the algorithm. */
export function signJwt(header: Record<string, unknown>, payload: object, key?: KeyObject): string {
  const [type, hash, options] =
    signers[typeof header.alg === 'string' ? header.alg : ''] ?? signers.ES256 ?? []
  const input = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const privateKey = key ?? pairs[type as keyof typeof pairs].privateKey
  const signature = sign(hash, Buffer.from(input), { key: privateKey, ...options })
  return `${input}.${signature.toString('base64url')}`
}

/** Seconds since 1970. */
export const now = () => Math.floor(Date.now() / 1000)

/** Returns the claims of a client's own assertion; `changes` replace some, or leave them out if undefined. */
export function ownClaims(clientId: string, changes: object = {}): object {
  const claims = { iss: clientId, sub: clientId, aud: issuer, exp: now() + 60, iat: now(), jti: randomUUID() }
  return { ...claims, ...changes }
}

/** Returns a client's own assertion with ES256. */
export function ownAssertion(clientId: string, changes: object = {}, header: object = {}): string {
  return signJwt({ alg: 'ES256', kid: 'EC', ...header }, ownClaims(clientId, changes))
}

/** Returns the form fields of an assertion. */
export function asserting(assertion: string, more: Record<string, string> = {}): Record<string, string> {
  return { client_assertion_type: jwtBearer, client_assertion: assertion, ...more }
}

/** Requests a token for a client with an assertion. */
export function askWith(app: FastifyInstance, assertion: string, more: Record<string, string> = {}) {
  return postTo(app, '/token', { grant_type: 'client_credentials', ...asserting(assertion, more) })
}

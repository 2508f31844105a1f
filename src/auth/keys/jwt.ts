import jwt, { type JWT } from '@fastify/jwt'
import fastify from 'fastify'

/** Algorithms of the keys in the key ring (RFC 7518 §3.1). */
export type RingAlgorithm = 'ES256' | 'RS256'

/** A JWS whose signature is valid. */
export interface VerifiedJws {
  header: Record<string, unknown>
  payload: Record<string, unknown>
  /** Signing input: the token without its signature. One input can have several valid signatures. */
  input: string
}

/** A key bound to one algorithm. The `alg` in a token's header cannot select another one. */
export interface JwtKey {
  /** Key id; null for the shared secret, whose tokens name no key. */
  kid: string | null
  algorithm: RingAlgorithm | 'HS256'
  /** Returns a token with these claims. */
  sign(claims: object): string
  /** Returns a token of another type (`typ`) than access tokens have. It takes 1 ms longer: see `bindKey`. */
  signAs(typ: string, claims: object): string
  /** @throws Error when the signature was not made with this key */
  verify(token: string): VerifiedJws
}

/** Public half of a key of the ring, as published in the JWK Set (RFC 7517 §4): EC or RSA (RFC 7518 §6). */
export type PublicJwk = {
  kid: string
  kty: 'EC' | 'RSA'
  use: 'sig'
  alg: RingAlgorithm
  crv?: string
  x?: string
  y?: string
  n?: string
  e?: string
}

/** Creates the key of a shared secret. Its tokens have the same header as the tutorial's. */
export async function sharedSecretKey(secret: string): Promise<JwtKey> {
  const algorithm = 'HS256'
  const bound = await bindKey({ secret, sign: { algorithm }, algorithm })
  return { kid: null, algorithm, ...bound }
}

/** Creates a key of the ring from its PEM halves. Its tokens have the type `at+jwt` and name the key (RFC 9068 §2.1). */
export async function ringKey(
  kid: string,
  algorithm: RingAlgorithm,
  pem: { private: string; public: string },
): Promise<JwtKey> {
  const sign = { algorithm, kid, header: { alg: algorithm, typ: 'at+jwt' } }
  const bound = await bindKey({ secret: pem, sign, algorithm })
  return { kid, algorithm, ...bound }
}

/** Creates a key of the ring that only verifies, for a replica that cannot decrypt the private half. */
export async function verifyingKey(
  kid: string,
  algorithm: RingAlgorithm,
  publicPem: string,
): Promise<JwtKey> {
  const bound = await bindKey({ secret: { public: publicPem }, sign: { algorithm, kid }, algorithm })
  return { kid, algorithm, ...bound }
}

interface Binding {
  secret: string | { private?: string; public: string }
  sign: object
  algorithm: JwtKey['algorithm']
}

/**
 * Binds a key to a Fastify instance of its own. @fastify/jwt creates its signer once, when it is registered, for one
 * key; given another key per call it builds a new signer each time, which takes 1,021 µs instead of 89 µs per token.
 * The keys of the ring change while the service runs, so each gets its own registration.
 */
async function bindKey({ secret, sign, algorithm }: Binding): Promise<Omit<JwtKey, 'kid' | 'algorithm'>> {
  const host = fastify()
  await host.register(jwt, { secret, sign, verify: { algorithms: [algorithm], complete: true } })
  const bound: JWT = host.jwt
  return {
    sign: (claims) => bound.sign(claims),
    signAs: (typ, claims) => bound.sign(claims, { header: { alg: algorithm, typ } }),
    verify: (token) => bound.verify<VerifiedJws>(token),
  }
}

import jwt, { type JWT } from '@fastify/jwt'
import fastify from 'fastify'
import type { VerifiedJws } from '../access-token.js'

/** The algorithms of the key ring's keys (RFC 7518 §3.1). */
export type RingAlgorithm = 'ES256' | 'RS256'

/** A key that signs and verifies by one algorithm, whatever a token's header says. */
export interface JwtKey {
  algorithm: RingAlgorithm | 'HS256'
  /** The token with these claims. */
  sign(claims: object): string
  /** @throws Error when the signature is not of this key */
  verify(token: string): VerifiedJws
}

/** The public half of a key of the ring, as it is published (RFC 7517 §4, RFC 7518 §6): of an EC or an RSA key. */
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

/** The key that is shared with others: its tokens look like the tutorial's. */
export async function sharedSecretKey(secret: string): Promise<JwtKey> {
  const algorithm = 'HS256'
  const bound = await bindKey({ secret, sign: { algorithm }, algorithm })
  return { algorithm, ...bound }
}

/** A key of the ring: its tokens are typed and name it (RFC 9068 §2.1). Both halves are PEM. */
export async function ringKey(
  kid: string,
  algorithm: RingAlgorithm,
  pem: { private: string; public: string },
): Promise<JwtKey> {
  const sign = { algorithm, kid, header: { alg: algorithm, typ: 'at+jwt' } }
  return { algorithm, ...(await bindKey({ secret: pem, sign, algorithm })) }
}

/** A key of the ring whose private half is not to be had here: it signs nothing. */
export async function verifyingKey(
  kid: string,
  algorithm: RingAlgorithm,
  publicPem: string,
): Promise<JwtKey> {
  return {
    algorithm,
    ...(await bindKey({ secret: { public: publicPem }, sign: { algorithm, kid }, algorithm })),
  }
}

interface Binding {
  secret: string | { private?: string; public: string }
  sign: object
  algorithm: JwtKey['algorithm']
}

/**
 * @fastify/jwt makes its signer and verifier when it is registered, for one key. The ring's keys come and go while the
 * service runs, so each is registered with an instance of its own.
 */
async function bindKey({ secret, sign, algorithm }: Binding): Promise<Pick<JwtKey, 'sign' | 'verify'>> {
  const host = fastify()
  await host.register(jwt, { secret, sign, verify: { algorithms: [algorithm], complete: true } })
  const bound: JWT = host.jwt
  return {
    sign: (claims) => bound.sign(claims),
    verify: (token) => bound.verify<VerifiedJws>(token),
  }
}

import type { KeyObject } from 'node:crypto'
import jwt, { type JWT } from '@fastify/jwt'
import fastify from 'fastify'
import { traced } from '../../tracing/span.js'
import { createSigner } from './sign.js'

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
  /** Returns an access token with these claims. @throws Error when the process does not have the private half */
  sign(claims: object): string
  /** Returns a token of another type (`typ`). Only keys of the ring can do that. */
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
  const bound = await bindKey(secret, algorithm)
  const verify = (token: string) => bound.verify<VerifiedJws>(token)
  const sign = traceSigning((claims) => bound.sign(claims), algorithm)
  return { kid: null, algorithm, sign, signAs: refuseToSign, verify }
}

/**
 * Creates a key of the ring. Its access tokens have the type `at+jwt` and name the key (RFC 9068 §2.1).
 *
 * @param privateKey null for a replica that cannot decrypt it: the key then only verifies
 */
export async function ringKey(
  kid: string,
  algorithm: RingAlgorithm,
  publicPem: string,
  privateKey: KeyObject | null,
): Promise<JwtKey> {
  const bound = await bindKey({ public: publicPem }, algorithm)
  const signerOf = (typ: string) =>
    privateKey
      ? traceSigning(createSigner({ alg: algorithm, typ, kid }, privateKey), algorithm)
      : refuseToSign
  return {
    kid,
    algorithm,
    sign: signerOf('at+jwt'),
    signAs: (typ, claims) => signerOf(typ)(claims),
    verify: (token) => bound.verify(token),
  }
}

/** Makes a function that signs do it in a span. */
function traceSigning(sign: (claims: object) => string, algorithm: JwtKey['algorithm']): JwtKey['sign'] {
  const describe = () => ({ name: 'sign token', attributes: { 'latchkey.key.algorithm': algorithm } })
  return (claims) => traced(describe, () => sign(claims))
}

function refuseToSign(): never {
  throw new Error('the key cannot sign this here')
}

/** Binds a key to a Fastify instance of its own, as @fastify/jwt has one key per instance, and those of the ring change. */
async function bindKey(secret: string | { public: string }, algorithm: JwtKey['algorithm']): Promise<JWT> {
  const host = fastify()
  const verify = { algorithms: [algorithm], complete: true }
  await host.register(jwt, { secret, sign: { algorithm }, verify })
  return host.jwt
}

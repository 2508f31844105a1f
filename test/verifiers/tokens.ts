import { createHmac, generateKeyPairSync } from 'node:crypto'
import { toPem } from '../../src/auth/keys/generate.js'
import type { RingAlgorithm } from '../../src/auth/keys/jwt.js'
import { decode } from '../conformance/server.js'
import { now, signJwt } from '../helpers/assertions.js'
import { type Issuer, otherResource, resource, tokenFor } from './issuer.js'

/** A token, and what a verifier must make of it. */
export interface Judged {
  /** What distinguishes the token. */
  name: string
  token: string
  /** Audience of the service that receives it. */
  audience: string
  /** Subject if it is accepted, null if it must be refused. */
  subject: string | null
}

/** Returns real tokens of an issuer, and what an attacker or a fault could make of them. */
export function createTokens(issuer: Issuer): Judged[] {
  return [
    ...goodTokens(issuer),
    ...early(issuer),
    ...misdirected(issuer, 'ES256'),
    ...misdirected(issuer, 'RS256'),
    ...forged(issuer),
    ...malformed(issuer),
  ]
}

function goodTokens({ origin, tokens }: Issuer): Judged[] {
  const judged = tokens.filter(({ audience }) => audience !== otherResource)
  return judged.map(({ algorithm, isOfClient, audience, token }) => ({
    name: `${algorithm}, of a ${isOfClient ? 'client' : 'user'}, for ${audience === origin ? 'Latchkey' : 'the resource'}`,
    token,
    audience,
    subject: String(decode(token, 1).sub),
  }))
}

/** Tokens of an issuer whose clock is 10 seconds ahead. */
function early(issuer: Issuer): Judged[] {
  return (['ES256', 'RS256'] as const).map((algorithm) => {
    const { claims, sign } = forger(issuer, algorithm)
    const token = sign({ iat: now() + 10, exp: now() + 1810 })
    return { name: `${algorithm}, by a clock ahead`, token, audience: resource, subject: String(claims.sub) }
  })
}

/** Tokens that are signed with a real key of the issuer, but whose claims or type are not those of an access token for here. */
function misdirected(issuer: Issuer, algorithm: RingAlgorithm): Judged[] {
  const { origin, keys } = issuer
  const { header, claims, sign } = forger(issuer, algorithm)
  const other = keys[algorithm === 'ES256' ? 'RS256' : 'ES256']
  const critical = { crit: ['https://attacker.example'], 'https://attacker.example': true }
  const tokens = {
    'has expired': sign({ exp: now() - 3600 }),
    'never expires': sign({ exp: undefined }),
    'expires at a text': sign({ exp: 'tomorrow' }),
    'is not valid yet': sign({ nbf: now() + 3600 }),
    'is for another resource': tokenFor(issuer, algorithm, otherResource),
    'is for Latchkey': tokenFor(issuer, algorithm, origin),
    'is for an audience that begins with this one': sign({ aud: `${resource}.attacker.example` }),
    'is for several others': sign({ aud: [origin, otherResource] }),
    'is for nobody': sign({ aud: [] }),
    'has no audience': sign({ aud: undefined }),
    'is by another issuer': sign({ iss: 'https://attacker.example' }),
    'is by an issuer with one slash more': sign({ iss: `${origin}/` }),
    'has no issuer': sign({ iss: undefined }),
    'has no subject': sign({ sub: undefined }),
    'has the type JWT': sign({}, { typ: 'JWT' }),
    'has no type': sign({}, { typ: undefined }),
    'has the type of status lists': sign({}, { typ: 'statuslist+jwt' }),
    'has the type of assertions of clients': sign({}, { typ: 'client-authentication+jwt' }),
    'has a critical extension': sign({}, critical),
    'has an array of claims': signJwt(header, [claims], keys[algorithm].privateKey),
    'has a key id that nobody knows': sign({}, { kid: 'unknown' }),
    'names the key of the other algorithm': sign({}, { kid: other.publicJwk.kid }),
  }
  return refused(algorithm, tokens)
}

/** Tokens without a signature by a key of the issuer, or with one in another way than the key is for. */
function forged(issuer: Issuer): Judged[] {
  const { ES256: key, RS256: rsa } = issuer.keys
  const { token, header, claims, sign } = forger(issuer, 'ES256')
  const [head, body, signature] = partsOf(token)
  const unsigned = (alg: string) => `${encode({ ...header, alg })}.${body}`
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const strange = (changes: object) => signJwt({ ...header, ...changes }, claims, stranger.privateKey)
  const jwk = stranger.publicKey.export({ format: 'jwk' })
  function keyed(secret: string | Buffer) {
    const input = unsigned('HS256')
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const tokens = {
    'alg none, no signature': `${unsigned('none')}.`,
    'alg None, no signature': `${unsigned('None')}.`,
    'alg NONE, the signature of a token': `${unsigned('NONE')}.${signature}`,
    'HS256 with the public key in PEM': keyed(toPem(key.publicJwk)),
    'HS256 with the public JWK': keyed(JSON.stringify(key.publicJwk)),
    'HS256 with a coordinate of the public key': keyed(Buffer.from(String(key.publicJwk.x), 'base64url')),
    'HS256 with the public RSA key in PEM': keyed(toPem(rsa.publicJwk)),
    'PS256 with the key for RS256': forger(issuer, 'RS256').sign({}, { alg: 'PS256' }),
    'ES384 in the header': `${unsigned('ES384')}.${signature}`,
    'signed by a stranger': strange({}),
    'signed by a stranger, without a key id': strange({ kid: undefined }),
    'signed by a stranger, whose key is in the header': strange({ jwk, kid: undefined }),
    'signed by a stranger, whose key is in the header with the key id of the issuer': strange({ jwk }),
    'signed by a stranger, whose keys are at a URL': strange({ jku: `${issuer.origin}/stranger` }),
    'signed by a stranger, whose certificate is at a URL': strange({ x5u: `${issuer.origin}/stranger` }),
    'another subject': `${head}.${encode({ ...claims, sub: 'alice' })}.${signature}`,
    'more scopes': `${head}.${encode({ ...claims, scope: 'orders:read orders:write' })}.${signature}`,
    'another header': `${encode({ ...header, typ: 'AT+JWT' })}.${body}.${signature}`,
    'another signature': `${head}.${body}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`,
    'the signature of another token': `${head}.${body}.${partsOf(sign({ sub: 'alice' }))[2]}`,
    'half a signature': `${head}.${body}.${signature.slice(0, 43)}`,
    'a signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'no signature': `${head}.${body}.`,
  }
  return refused('forged', tokens)
}

/** Texts that are no signed JWT. */
function malformed(issuer: Issuer): Judged[] {
  const token = tokenFor(issuer, 'ES256', resource)
  const [head, body, signature] = partsOf(token)
  const tokens = {
    'an empty text': '',
    'a word': 'token',
    'two dots': '..',
    'a refresh token': issuer.refreshToken,
    'two parts': `${head}.${body}`,
    'four parts': `${token}.${signature}`,
    'five parts, as an encrypted token has': `${token}..`,
    'JSON with the parts': JSON.stringify({ payload: body, signatures: [{ protected: head, signature }] }),
    'flattened JSON': JSON.stringify({ payload: body, protected: head, signature }),
    'a character that is not of base64url': `${head}.${body}.${signature.slice(1)}%`,
    'a header that is null': `${encode(null)}.${body}.${signature}`,
    'a header of 100 KB': `${encode({ ...decode(token, 0), x: 'x'.repeat(100_000) })}.${body}.${signature}`,
  }
  return refused('malformed', tokens)
}

/** Returns a token of a client for the resource, and a function that signs it with changes, with the issuer's own key. */
function forger(issuer: Issuer, algorithm: RingAlgorithm) {
  const token = tokenFor(issuer, algorithm, resource)
  const header = decode(token, 0)
  const claims = decode(token, 1)
  function sign(claimChanges: object, headerChanges: object = {}) {
    const { privateKey } = issuer.keys[algorithm]
    return signJwt({ ...header, ...headerChanges }, { ...claims, ...claimChanges }, privateKey)
  }
  return { token, header, claims, sign }
}

function refused(group: string, tokens: Record<string, string>): Judged[] {
  return Object.entries(tokens).map(([what, token]) => ({
    name: `${group}: ${what}`,
    token,
    audience: resource,
    subject: null,
  }))
}

function partsOf(token: string): [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

import { base64url, type CryptoKey, compactVerify } from 'jose'
import { VerificationError } from '../errors/verification-error.js'
import { type JsonObject, parseObject } from './json.js'

/** Algorithms with which Latchkey signs (RFC 7518 §3.1). */
export const allAlgorithms = ['ES256', 'RS256'] as const

/** Algorithm with which Latchkey signs. */
export type Algorithm = (typeof allAlgorithms)[number]

/** Parts of a header that select a key. */
interface KeyQuery {
  alg: Algorithm
  kid: string
}

/**
 * Finds the key that a header names.
 *
 * @throws VerificationError `unknown_key`, `keys_unavailable`
 * @throws the reason of the signal
 */
export type FindKey = (query: KeyQuery, signal?: AbortSignal) => Promise<CryptoKey>

/** Rules for one kind of JWT. */
export interface JwtProfile {
  /** `typ` without "application/" (RFC 8725 §3.11). */
  type: string
  algorithms: readonly Algorithm[]
  /** Maximum length (characters), beyond which nothing is parsed. */
  maxLength: number
  findKey: FindKey
}

/**
 * Verifies a signed JWT (RFC 8725 §3) and returns its claims. They are parsed only once the signature has been verified. The header
 * selects the key and nothing else.
 *
 * @throws VerificationError
 * @throws the reason of the signal
 */
export async function verifyJwt(
  token: string,
  profile: JwtProfile,
  signal?: AbortSignal,
): Promise<JsonObject> {
  if (token.length > profile.maxLength) throw new VerificationError('malformed_token')
  const [header, payload] = decodeParts(token)
  const query = readHeader(parsePart(header), profile)
  await verifySignature(token, await profile.findKey(query, signal))
  return parsePart(payload)
}

/** Returns header and payload of a JWS in compact serialization, each part of which is the only base64url spelling of its bytes. */
function decodeParts(token: string): [Uint8Array, Uint8Array] {
  const parts = token.split('.', 4)
  const [header, payload, signature] = parts.map(decodePart)
  if (parts.length !== 3 || !header || !payload || !signature) throw new VerificationError('malformed_token')
  return [header, payload]
}

/** Returns the bytes of a part, or null unless it is spelled as it would be encoded (RFC 7515 §2). */
function decodePart(part: string): Uint8Array | null {
  try {
    const bytes = base64url.decode(part)
    return base64url.encode(bytes) === part ? bytes : null
  } catch {
    return null
  }
}

/** Parses a JSON object in UTF-8. */
function parsePart(bytes: Uint8Array): JsonObject {
  try {
    return parseObject(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new VerificationError('malformed_token', { cause })
  }
}

/** Refuses extensions that change how a JWT is read (RFC 7515 §4.1.11, RFC 7797 §3), and other types and algorithms. */
function readHeader(header: JsonObject, { type, algorithms }: JwtProfile): KeyQuery {
  const { typ, alg, kid } = header
  if ('crit' in header || 'b64' in header) throw new VerificationError('malformed_token')
  if (!isType(typ, type)) throw new VerificationError('wrong_type')
  const allowed = algorithms.find((name) => name === alg)
  if (!allowed) throw new VerificationError('wrong_algorithm')
  if (typeof kid !== 'string') throw new VerificationError('unknown_key')
  return { alg: allowed, kid }
}

/** Returns whether `typ` is a type, with or without the prefix "application/", in any case (RFC 7515 §4.1.9). */
function isType(typ: unknown, name: string): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === name
}

async function verifySignature(token: string, key: CryptoKey): Promise<void> {
  try {
    await compactVerify(token, key)
  } catch (cause) {
    throw new VerificationError('bad_signature', { cause })
  }
}

import { type BinaryLike, createCipheriv, type ScryptOptions, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import {
  type HashScheme,
  isEqual,
  maxMemoryKib,
  minDigestBytes,
  type PasswordHash,
  parametersOf,
} from './scheme.js'

/** Maximum of (N + edges) · r · p. It takes about a second and a half. */
const maxWork = 2_200_000
/** Work before and after the N steps, which PBKDF2 does (RFC 7914 §6), in steps. */
const edges = 6
/** Time of a unit of (N + edges) · r · p (seconds). */
const workSeconds = 2.8e-7

/** Cost parameters (RFC 7914 §2): N, r and p. */
interface Costs {
  N: number
  r: number
  p: number
}

/**
 * The formats, with the encodings of salt and key. In Firebase's variant, written as Supabase stores it, the key is the
 * signer key (`sk`), encrypted with the derived key by AES-256 in counter mode. The separator (`ss`) is appended to the salt.
 */
const formats = [
  {
    // Written by passlib and, with `-nfkc` for a normalized password, by `formatScrypt`.
    pattern:
      /^\$scrypt(?<form>-nfkc)?\$(?:ln=(?<log2N>\d{1,2})|n=(?<N>\d{1,9})),r=(?<r>\d{1,6}),p=(?<p>\d{1,6})\$(?<salt>[A-Za-z0-9+/]*)\$(?<key>[A-Za-z0-9+/]+)$/,
    saltEncoding: 'base64',
    keyEncoding: 'base64',
  },
  {
    // Written by Django.
    pattern:
      /^scrypt\$(?<N>\d{1,9})\$(?<salt>[^$]+)\$(?<r>\d{1,6})\$(?<p>\d{1,6})\$(?<key>[A-Za-z0-9+/]+={0,2})$/,
    saltEncoding: 'utf8',
    keyEncoding: 'base64',
  },
  {
    // Written by Werkzeug.
    pattern: /^scrypt:(?<N>\d{1,9}):(?<r>\d{1,6}):(?<p>\d{1,6})\$(?<salt>[^$]+)\$(?<key>(?:[0-9a-f]{2})+)$/,
    saltEncoding: 'utf8',
    keyEncoding: 'hex',
  },
  {
    // Written by Firebase.
    pattern:
      /^\$fbscrypt\$v=1,n=(?<log2N>\d{1,2}),r=(?<r>\d{1,6}),p=(?<p>\d{1,6}),ss=(?<separator>[A-Za-z0-9+/]*={0,2}),sk=(?<signerKey>[A-Za-z0-9+/]+={0,2})\$(?<salt>[A-Za-z0-9+/]+={0,2})\$(?<key>[A-Za-z0-9+/]+={0,2})$/,
    saltEncoding: 'base64',
    keyEncoding: 'base64',
  },
] as const

const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt)

/** Length of the key that Firebase derives (bytes), and of its part that encrypts. */
const firebaseKeyBytes = 64
const encryptingBytes = 32

/** scrypt (RFC 7914), and Firebase's variant of it. */
export const scryptScheme: HashScheme = {
  kinds: ['scrypt'],

  parse(text) {
    for (const { pattern, saltEncoding, keyEncoding } of formats) {
      const parts = pattern.exec(text)?.groups
      if (!parts) continue
      const { form, log2N, N, r, p, salt = '', separator = '', key = '', signerKey } = parts
      const hash = toHash(
        { N: log2N === undefined ? Number(N) : 2 ** Number(log2N), r: Number(r), p: Number(p) },
        Buffer.concat([Buffer.from(salt, saltEncoding), Buffer.from(separator, 'base64')]),
        Buffer.from(key, keyEncoding),
        signerKey === undefined ? null : Buffer.from(signerKey, 'base64'),
      )
      return hash && form ? normalizing(hash) : hash
    }
    return undefined
  },

  secondsOf({ kind, units }) {
    const { N, r } = parametersOf<'N' | 'r'>(kind)
    return (N + edges) * r * units * workSeconds
  },

  async spend({ kind, units }) {
    await deriveKey('', Buffer.alloc(0), firebaseKeyBytes, { ...parametersOf<'N' | 'r'>(kind), p: units })
  },
}

/**
 * Returns a hash in the format that passlib writes.
 *
 * @param isNormalized whether it was made from the password in Unicode normalization form KC
 */
export function formatScrypt({ N, r, p }: Costs, salt: Buffer, key: Buffer, isNormalized: boolean): string {
  const scheme = isNormalized ? 'scrypt-nfkc' : 'scrypt'
  const encode = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  return `$${scheme}$ln=${Math.log2(N)},r=${r},p=${p}$${encode(salt)}$${encode(key)}`
}

/** Returns a hash that was made from the normalized password. */
function normalizing(hash: PasswordHash): PasswordHash {
  return { ...hash, isNormalized: true, matches: (password) => hash.matches(password.normalize('NFKC')) }
}

/** Returns undefined for parameters that RFC 7914 §6 does not allow. */
function toHash(
  { N, r, p }: Costs,
  salt: Buffer,
  key: Buffer,
  signerKey: Buffer | null,
): PasswordHash | undefined {
  const log2N = Math.log2(N)
  const areCostsValid = Number.isInteger(log2N) && log2N > 0 && log2N < 16 * r && p > 0
  if (!areCostsValid || key.length < minDigestBytes) return undefined
  return {
    work: { kind: `scrypt N=${N} r=${r}`, units: p },
    isAffordable: (128 * r * (N + p)) / 1_024 <= maxMemoryKib && (N + edges) * r * p <= maxWork,
    async matches(password) {
      if (!signerKey) return isEqual(await deriveKey(password, salt, key.length, { N, r, p }), key)
      const derived = await deriveKey(password, salt, firebaseKeyBytes, { N, r, p })
      return isEqual(encrypt(signerKey, derived.subarray(0, encryptingBytes)), key)
    },
  }
}

function encrypt(signerKey: Buffer, key: Buffer): Buffer {
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(signerKey)
}

function deriveKey(password: string, salt: Buffer, keyBytes: number, { N, r, p }: Costs): Promise<Buffer> {
  return derive(password, salt, keyBytes, { N, r, p, maxmem: 128 * r * (N + p + 2) })
}

import { pbkdf2 as derive } from 'node:crypto'
import { promisify } from 'node:util'
import { type HashScheme, isEqual, minDigestBytes } from './scheme.js'

const deriveKey = promisify(derive)

/** Maximum number of iterations, over all blocks of the key. They take about two seconds. */
const maxIterations = 5_000_000

/** Length of the digests (bytes). The key is derived in blocks of this length. */
const digestBytes = { sha1: 20, sha256: 32, sha512: 64 }

type Digest = keyof typeof digestBytes

/** Time of an iteration (seconds). */
const iterationSeconds = { sha1: 1.6e-7, sha256: 1.6e-7, sha512: 3.6e-7 }

/** A hash in its parts. */
interface Parts {
  digest: Digest
  iterations: number
  salt: Buffer
  key: Buffer
}

/** The formats, with groups for digest, iterations, salt and key, and the encodings of the last two. */
const formats = [
  {
    // Written by passlib.
    pattern:
      /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,9})(?:,l=\d+)?\$([A-Za-z0-9./+]*)\$([A-Za-z0-9./+]+)$/,
    readSalt: fromAdaptedBase64,
    readKey: fromAdaptedBase64,
  },
  {
    // Written by Django.
    pattern: /^pbkdf2_(sha1|sha256)\$(\d{1,9})\$([^$]+)\$([A-Za-z0-9+/]+={0,2})$/,
    readSalt: Buffer.from,
    readKey: (text: string) => Buffer.from(text, 'base64'),
  },
  {
    // Written by Werkzeug.
    pattern: /^pbkdf2:(sha1|sha256|sha512):(\d{1,9})\$([^$]+)\$((?:[0-9a-f]{2})+)$/,
    readSalt: Buffer.from,
    readKey: (text: string) => Buffer.from(text, 'hex'),
  },
] as const

/** PBKDF2 with HMAC-SHA-1, HMAC-SHA-256 or HMAC-SHA-512 (RFC 8018 §5.2). */
export const pbkdf2Scheme: HashScheme = {
  kinds: ['pbkdf2-sha1', 'pbkdf2-sha256', 'pbkdf2-sha512'],

  parse(text) {
    const parts = split(text)
    if (!parts) return undefined
    const { digest, iterations, salt, key } = parts
    if (iterations === 0 || key.length < minDigestBytes) return undefined
    const units = iterations * Math.ceil(key.length / digestBytes[digest])
    return {
      work: { kind: `pbkdf2-${digest}`, units },
      isAffordable: units <= maxIterations,
      async matches(password) {
        return isEqual(await deriveKey(password, salt, iterations, key.length, digest), key)
      },
    }
  },

  secondsOf({ kind, units }) {
    return units * iterationSeconds[digestOf(kind)]
  },

  async spend({ kind, units }) {
    const digest = digestOf(kind)
    await deriveKey('', '', units, digestBytes[digest], digest)
  },
}

function digestOf(kind: string): Digest {
  return kind.replace('pbkdf2-', '') as Digest
}

function split(text: string): Parts | undefined {
  for (const { pattern, readSalt, readKey } of formats) {
    const match = pattern.exec(text)
    if (!match) continue
    const [, digest = 'sha1', iterations, salt = '', key = ''] = match
    return {
      digest: digest as Digest,
      iterations: Number(iterations),
      salt: readSalt(salt),
      key: readKey(key),
    }
  }
  return undefined
}

/** Decodes base64 with `.` instead of `+`, as passlib writes it. */
function fromAdaptedBase64(text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64')
}

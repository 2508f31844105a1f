import { retryableOnce } from '../../lifecycle/once.js'
import { type HashScheme, maxMemoryKib, minDigestBytes, parametersOf } from './scheme.js'

/** Maximum memory that a hash fills in all its passes (KiB). It takes about a second. */
const maxFilledKib = 1_048_576
/** Minimum length of a salt (bytes), and minimum memory for each lane (KiB); see RFC 9106 §3.1. */
const minSaltBytes = 8
const minLaneKib = 8
/** Time to fill memory once (seconds per KiB). */
const kibSeconds = 8e-7

/** Format of argon2-cffi, pwdlib, passlib and the reference implementation, and of Django, which adds a prefix. */
const format =
  /^(?:argon2)?(?<hash>\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=(?<m>[1-9]\d{0,8}),t=(?<t>[1-9]\d{0,8}),p=(?<p>[1-9]\d{0,2})\$(?<salt>[A-Za-z0-9+/]+)\$(?<digest>[A-Za-z0-9+/]+))$/

/** Loads the native library on first use, so that the service also runs on platforms without one. */
const loadLibrary = retryableOnce(() => import('@node-rs/argon2'))

/** Argon2id, Argon2i and Argon2d (RFC 9106). */
export const argon2Scheme: HashScheme = {
  kinds: ['argon2'],

  parse(text) {
    const { hash = '', m, t, p, salt = '', digest = '' } = format.exec(text)?.groups ?? {}
    const memoryCost = Number(m)
    const timeCost = Number(t)
    const parallelism = Number(p)
    const isValid =
      timeCost > 0 &&
      parallelism > 0 &&
      memoryCost >= minLaneKib * parallelism &&
      bytesOf(salt) >= minSaltBytes &&
      bytesOf(digest) >= minDigestBytes
    if (!isValid) return undefined
    return {
      work: { kind: `argon2 m=${memoryCost} p=${parallelism}`, units: timeCost },
      isAffordable: memoryCost <= maxMemoryKib && memoryCost * timeCost <= maxFilledKib,
      matches: async (password) => (await loadLibrary()).verify(hash, password),
    }
  },

  secondsOf({ kind, units }) {
    return parametersOf<'m'>(kind).m * units * kibSeconds
  },

  async spend({ kind, units }) {
    const { hashRaw } = await loadLibrary()
    const { m, p } = parametersOf<'m' | 'p'>(kind)
    await hashRaw('', { memoryCost: m, timeCost: units, parallelism: p })
  },
}

/** Returns the number of bytes that base64 without padding encodes, or 0 if it has bits left over that are not zero. */
function bytesOf(base64: string): number {
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64').replaceAll('=', '') === base64 ? bytes.length : 0
}

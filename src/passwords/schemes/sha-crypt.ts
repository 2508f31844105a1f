import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type HashScheme, isEqual } from './scheme.js'

// crypt(3) with SHA-256 and SHA-512, as Ulrich Drepper specified it: https://www.akkadia.org/drepper/SHA-crypt.txt
// The comments give the numbers of the steps there.

/** Minimum number of rounds. crypt(3) makes no hash with fewer. */
const minRounds = 1_000
/** Maximum number of rounds. They take about two seconds. */
const maxRounds = 1_000_000
/** Time of a round (seconds). */
const roundSeconds = 2e-6
/** Number of rounds that a hash has if it does not state it. */
const defaultRounds = 5_000
/** Length of the salts that programs generate (bytes). */
const saltBytes = 16
/** Number of rounds after which the event loop can do other work. They take about a millisecond. */
const roundsAtOnce = 250

const format = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/

/** Digits of the encoding, which writes each group of bytes with the lowest six bits first. */
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

type Digest = 'sha256' | 'sha512'

/** `$5$` and `$6$` hashes, as Linux, `openssl passwd` and passlib write them. */
export const shaCryptScheme: HashScheme = {
  kinds: ['sha256-crypt', 'sha512-crypt'],

  parse(text) {
    const [, id, given, salt = '', encoded = ''] = format.exec(text) ?? []
    const digest = id === '5' ? 'sha256' : 'sha512'
    const rounds = given === undefined ? defaultRounds : Number(given)
    if (encoded.length !== (id === '5' ? 43 : 86) || rounds < minRounds) return undefined
    return {
      work: { kind: `${digest}-crypt`, units: rounds },
      isAffordable: rounds <= maxRounds,
      async matches(password) {
        const computed = encode(await crypt(digest, Buffer.from(password), Buffer.from(salt), rounds), digest)
        return isEqual(Buffer.from(computed), Buffer.from(encoded))
      },
    }
  },

  secondsOf({ units }) {
    return units * roundSeconds
  },

  async spend({ kind, units }, password) {
    await crypt(kind.replace('-crypt', '') as Digest, Buffer.from(password), Buffer.alloc(saltBytes), units)
  },
}

async function crypt(digest: Digest, password: Buffer, salt: Buffer, rounds: number): Promise<Buffer> {
  const hash = (...parts: Buffer[]) => {
    const context = createHash(digest)
    for (const part of parts) context.update(part)
    return context.digest()
  }
  // Steps 1 to 12
  const b = hash(password, salt, password)
  const bits = [...password.length.toString(2)].reverse().filter(() => password.length > 0)
  let a = hash(password, salt, repeat(b, password.length), ...bits.map((bit) => (bit === '1' ? b : password)))
  // Steps 13 to 20
  const p = repeat(hash(...Array<Buffer>(password.length).fill(password)), password.length)
  const s = repeat(hash(...Array<Buffer>(16 + Number(a[0])).fill(salt)), salt.length)
  // Step 21
  for (let round = 0; round < rounds; round++) {
    if (round % roundsAtOnce === 0) await nextTurn()
    const isOdd = round % 2 === 1
    const parts = [isOdd ? p : a]
    if (round % 3 !== 0) parts.push(s)
    if (round % 7 !== 0) parts.push(p)
    parts.push(isOdd ? a : p)
    a = hash(...parts)
  }
  return a
}

/** Repeats bytes up to a length. */
function repeat(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes)
}

/**
 * Encodes a digest (step 22). The bytes of a group stand a third of the digest apart, and their order is rotated from group
 * to group. The last group has the bytes that are left.
 */
function encode(bytes: Buffer, digest: Digest): string {
  const third = Math.floor(bytes.length / 3)
  let encoded = ''
  for (let group = 0; group < third; group++) {
    const indices = [group, group + third, group + 2 * third]
    const shift = digest === 'sha256' ? (3 - (group % 3)) % 3 : group % 3
    encoded += toDigits(
      [0, 1, 2].map((place) => Number(bytes[Number(indices[(place + shift) % 3])])),
      4,
    )
  }
  const rest = digest === 'sha256' ? [0, Number(bytes[31]), Number(bytes[30])] : [0, 0, Number(bytes[63])]
  return encoded + toDigits(rest, digest === 'sha256' ? 3 : 2)
}

/** @param group three bytes, the most significant first */
function toDigits([high = 0, middle = 0, low = 0]: number[], count: number): string {
  let value = high * 65_536 + middle * 256 + low
  let digits = ''
  for (let digit = 0; digit < count; digit++) {
    digits += alphabet[value % 64]
    value = Math.floor(value / 64)
  }
  return digits
}

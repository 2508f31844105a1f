import { timingSafeEqual } from 'node:crypto'

/** Amount of work. All units of one kind take the same time, so that amounts of a kind can be added. */
export interface Work {
  /** Algorithm, and those of its parameters on which the time of a unit depends. */
  kind: string
  units: number
}

/** A hash in a format that can be verified. */
export interface PasswordHash {
  /** Work of verifying it. */
  work: Work
  /** Whether the work and the memory are below the ceilings. Any other hash must not be verified. */
  isAffordable: boolean
  /** Whether the password is normalized first, so that every spelling of its characters in Unicode matches. */
  isNormalized?: true
  /** Returns whether the hash was made from a password. It leaves the event loop responsive. */
  matches(password: string): Promise<boolean>
}

/** An algorithm for password hashes, in the formats that several programs write. */
export interface HashScheme {
  /** First words of the kinds of its work. */
  kinds: readonly string[]
  /** Returns undefined if a text is not a hash of this scheme. */
  parse(text: string): PasswordHash | undefined
  /** Returns about how long work takes on a current processor (seconds). */
  secondsOf(work: Work): number
  /**
   * Does work whose result is discarded, so that it takes its time.
   *
   * @param work with a positive number of units
   * @param password the presented one, as the time of a unit may depend on its length
   */
  spend(work: Work, password: string): Promise<void>
}

/** Maximum memory for verifying a hash (KiB). Up to HASHING_CONCURRENCY hashes are verified at once. */
export const maxMemoryKib = 262_144

/** Minimum length of a digest (bytes). A shorter one would match many passwords, and an empty one all of them. */
export const minDigestBytes = 16

/** Returns the parameters that a kind of work names, such as `m` and `p` of `argon2 m=65536 p=4`. */
export function parametersOf<Name extends string>(kind: string): Record<Name, number> {
  const parameters = [...kind.matchAll(/ (\w+)=(\d+)/g)].map(([, name, value]) => [name, Number(value)])
  return Object.fromEntries(parameters) as Record<Name, number>
}

/** Returns whether two digests are equal, in a time that does not depend on their contents. */
export function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/** Returns the powers of two whose sum is a number of units. */
export function powersOfTwo(units: number): number[] {
  const powers: number[] = []
  for (let power = 1; power <= units; power *= 2) if (Math.floor(units / power) % 2 === 1) powers.push(power)
  return powers
}

import { type TEnum, type TSchema, type TString, Type } from 'typebox'
import type { Purpose } from '../database-hosts.js'
import { findDatabaseUrlProblem } from '../database-url.js'
import { readPairs } from '../pairs.js'
import { findUrlProblem } from '../urls.js'

/** Maximum number of entries in a list. */
const maxEntries = 1_000

/** Description of valid pairs. */
const expectedPairs = '1 to 64 pairs name=value with commas between them, special characters percent-encoded'

/** Example of every secret that keys are derived from. Production refuses it. */
export const placeholderSecret = 'replace-me-by-what-openssl-rand-prints'

/** Properties of a declaration in addition to type and bounds. */
interface Facts {
  /** Purpose of the setting, in Markdown. */
  description: string
  /** A value as it is written in the environment. */
  example: string
  /** Version of Latchkey that introduced the name; `unreleased` until there is one. */
  since: string
  /** Consequence of leaving it out, in Markdown; for settings without a default. */
  whenUnset?: string
}

/** A setting as the documents and the error messages present it. */
export interface Setting extends Facts {
  /** The values that are accepted, as they complete the sentence "The setting must be …". */
  expected: string
  default?: unknown
  /** Whether it is confidential, and can be read from a file. */
  secret?: boolean
  /** Unit of a duration, which the name of the setting ends with. */
  unit?: DurationUnit
}

type DurationUnit = 'seconds' | 'minutes' | 'days'
type Range = { minimum: number; maximum: number }

export function integer({ minimum, maximum, ...facts }: Facts & Range & { default?: number }) {
  return declare(Type.Integer({ minimum, maximum }), facts, `an integer from ${minimum} to ${maximum}`)
}

/** Declares a duration: an integer in the unit with which the name of the setting ends. */
export function duration(
  unit: DurationUnit,
  { minimum, maximum, ...facts }: Facts & Range & { default?: number },
) {
  const expected = `an integer from ${minimum} to ${maximum} (${unit})`
  return declare(Type.Integer({ minimum, maximum }), { ...facts, unit }, expected)
}

export function flag(facts: Facts & { default: boolean }) {
  return declare(Type.Boolean(), facts, 'one of: true, false')
}

export function choice<Value extends string>(
  values: readonly Value[],
  facts: Facts & { default?: Value },
): TEnum<Value[]> & Setting {
  return declare(Type.Enum([...values]), facts, `one of: ${values.join(', ')}`)
}

/** Declares one line of text. */
export function text({ maxLength, ...facts }: Facts & { maxLength: number; default?: string }) {
  const line = Type.String({ pattern: /^[^\r\n]+$/, maxLength })
  return declare(line, facts, `a line of 1 to ${maxLength} characters`)
}

/** Declares a list of at least one of some names. */
export function choices<Value extends string>(
  values: readonly Value[],
  facts: Facts & { default: readonly Value[] },
) {
  const names = Type.Array(Type.Enum([...values]), { minItems: 1, maxItems: maxEntries })
  return declare(names, facts, `a list of: ${values.join(', ')}`)
}

/** Declares a list of texts. @param expected describes those for which `isValid` returns true */
export function list(isValid: (entry: string) => boolean, facts: Facts, expected: string) {
  const entry = Type.Refine(Type.String(), isValid, () => `must be ${expected}`)
  return declare(Type.Array(entry, { maxItems: maxEntries }), facts, expected)
}

/** Declares a part of a whole. Its value remains a text. */
export function share(facts: Facts) {
  const part = Type.String({ pattern: /^(0(\.\d{1,9})?|1(\.0{1,9})?)$/ })
  return declare(part, facts, 'a number from 0 to 1, such as 0.1')
}

/** Declares pairs of names and values. */
export function pairs(facts: Facts & { secret?: boolean }) {
  const text = Type.String({ maxLength: 8_192 })
  const readable = Type.Refine(
    text,
    (value) => readPairs(value) !== null,
    () => `must be ${expectedPairs}`,
  )
  return declare(readable, facts, expectedPairs)
}

/** Declares a secret that keys are derived from. */
export function keySecret(facts: Omit<Facts, 'example'>) {
  const secret = { ...facts, example: placeholderSecret, secret: true }
  return declare(
    Type.String({ minLength: 32, maxLength: 1_024 }),
    secret,
    'text of 32 to 1024 characters (openssl rand -base64 32 makes one)',
  )
}

/** Declares the URL of a PostgreSQL database. It is secret, as it can have a password. */
export function databaseUrl(purpose: Purpose, facts: Facts) {
  // The scheme of SQLAlchemy is left to the check, which says what to write instead.
  const usable = checked(
    Type.String({ pattern: /^postgres(ql)?(\+\w+)?:\/\/./, maxLength: 2_048 }),
    (value) => findDatabaseUrlProblem(value, purpose),
  )
  return declare(usable, { ...facts, secret: true }, 'a URL that begins with postgresql:// or postgres://')
}

/** Declares another URL. @param pattern of its beginning, which `expected` describes */
export function url(
  pattern: RegExp,
  { maxLength, ...facts }: Facts & { maxLength: number; secret?: boolean },
  expected: string,
) {
  const parsable = checked(
    Type.String({ pattern, maxLength }),
    (value) =>
      findUrlProblem(value) ?? (URL.canParse(value) ? null : 'is not a valid URL: check host and port'),
  )
  return declare(parsable, facts, expected)
}

/** Adds a check to a text. @param findProblem returns null, or the predicate of a sentence about the setting */
function checked(type: TString, findProblem: (value: string) => string | null) {
  return Type.Refine(
    type,
    (value: string) => findProblem(value) === null,
    (value: string) => String(findProblem(value)),
  )
}

function declare<Type extends TSchema>(
  type: Type,
  facts: Omit<Setting, 'expected'>,
  expected: string,
): Type & Setting {
  return Object.assign(type, facts, { expected })
}

import { isObject } from './cases.js'
import { checkJwt } from './jwt-match.js'

type Matcher = (wanted: unknown, actual: unknown, path: string, secret: string) => string[]

const LONGEST_SHOWN = 300

const MATCHERS: Record<string, Matcher> = {
  $type: (type, actual, path) =>
    hasType(actual, type) ? [] : [`${path} is ${show(actual)}, not of type ${show(type)}`],
  $startsWith: (text, actual, path) =>
    typeof actual === 'string' && typeof text === 'string' && actual.startsWith(text)
      ? []
      : [`${path} is ${show(actual)}, which does not start with ${show(text)}`],
  $contains: (items, actual, path, secret) =>
    Array.isArray(actual) && Array.isArray(items)
      ? items
          .filter((item) => !actual.some((found) => compareJson(item, found, path, secret).length === 0))
          .map((item) => `${path} is ${show(actual)}, which does not contain ${show(item)}`)
      : [`${path} is ${show(actual)}, not an array`],
  $jwt: (wanted, actual, path, secret) =>
    checkJwt(wanted, actual, secret).map((problem) => `${path}: ${problem}`),
}

/** Compares JSON values; matchers may stand in `expected`, and `actual` may have the `extra` members. */
export function compareJson(
  expected: unknown,
  actual: unknown,
  path: string,
  secret: string,
  extra: readonly string[] = [],
): string[] {
  if (isObject(expected)) {
    const [name, matcher] = findMatcher(expected)
    if (matcher) return matcher(expected[name], actual, path, secret)
    if (isObject(actual)) return compareObjects(expected, actual, path, secret, extra)
  }
  if (Array.isArray(expected) && Array.isArray(actual)) return compareArrays(expected, actual, path, secret)
  return expected === actual ? [] : [`${path} is ${show(actual)}, not ${show(expected)}`]
}

/** A value as JSON, cut to a readable length. */
export function show(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

function findMatcher(expected: Record<string, unknown>): [string, Matcher | undefined] {
  const [name = '', ...others] = Object.keys(expected)
  return [name, others.length === 0 && Object.hasOwn(MATCHERS, name) ? MATCHERS[name] : undefined]
}

function compareObjects(
  expected: Record<string, unknown>,
  actual: Record<string, unknown>,
  path: string,
  secret: string,
  extra: readonly string[],
): string[] {
  const unexpected = Object.keys(actual)
    .filter((name) => !Object.hasOwn(expected, name) && !extra.includes(name))
    .map((name) => `${path}.${name} is ${show(actual[name])}, not absent`)
  const different = Object.entries(expected).flatMap(([name, value]) =>
    Object.hasOwn(actual, name)
      ? compareJson(value, actual[name], `${path}.${name}`, secret)
      : [`${path}.${name} is absent, not ${show(value)}`],
  )
  return [...different, ...unexpected]
}

function compareArrays(expected: unknown[], actual: unknown[], path: string, secret: string): string[] {
  if (expected.length !== actual.length) return [`${path} is ${show(actual)}, not ${show(expected)}`]
  return expected.flatMap((item, index) => compareJson(item, actual[index], `${path}[${index}]`, secret))
}

function hasType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isObject(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

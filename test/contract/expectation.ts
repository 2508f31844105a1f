import { isUtf8 } from 'node:buffer'
import { type Expectation, unknownMembers } from './cases.js'
import { compareJson, show } from './json-match.js'
import { lookUp } from './json-pointer.js'
import { headerValues, type RawResponse } from './response.js'

/** What a comparison needs to know besides the answer. */
interface Context {
  secret: string
  target: string
}

const MEMBERS = ['status', 'statusIn', 'headers', 'json', 'extra', 'bodyIncludes', 'jsonPointers']

/** Says in what an answer differs from what is expected; an empty list means that it passes. */
export function compareResponse(response: RawResponse, expect: Expectation, context: Context): string[] {
  return [
    ...unknownMembers(expect, MEMBERS).map((name) => `an expectation nobody checks: ${name}`),
    ...compareStatus(response, expect),
    ...Object.entries(expect.headers ?? {}).flatMap(([name, expected]) =>
      compareHeader(name.toLowerCase(), headerValues(response, name), expected, context),
    ),
    ...('json' in expect ? compareJsonBody(response, expect, context) : []),
    ...(expect.bodyIncludes ?? [])
      .filter((text) => !response.body.includes(text))
      .map((text) => `the body does not include ${show(text)}`),
    ...(expect.jsonPointers ? comparePointers(response, expect.jsonPointers, context) : []),
  ]
}

function compareStatus(response: RawResponse, expect: Expectation): string[] {
  const { status } = response
  const allowed = expect.statusIn ?? (expect.status === undefined ? undefined : [expect.status])
  const body = `the body is ${show(response.body.toString())}`
  if (allowed && !allowed.includes(status))
    return [`status is ${status}, not ${allowed.join(' or ')}; ${body}`]
  return status >= 500 ? [`status is ${status}, a server error; ${body}`] : []
}

function compareHeader(name: string, values: string[], expected: unknown, context: Context): string[] {
  const actual = values.join(', ')
  if (expected === null) return values.length > 0 ? [`header ${name} is ${show(actual)}, not absent`] : []
  if (values.length === 0) return [`header ${name} is absent, not ${show(expected)}`]
  if (typeof expected !== 'string') return compareJson(expected, actual, `header ${name}`, context.secret)
  return sameHeader(name, actual, expected, context)
    ? []
    : [`header ${name} is ${show(actual)}, not ${show(expected)}`]
}

function sameHeader(name: string, actual: string, expected: string, context: Context): boolean {
  switch (name) {
    case 'content-type':
      return mediaType(actual) === mediaType(expected)
    case 'location':
      return pathAndQuery(actual, context.target) === pathAndQuery(expected, context.target)
    case 'allow':
      return listed(expected).every((method) => listed(actual).includes(method))
    default:
      return actual === expected
  }
}

function compareJsonBody(response: RawResponse, expect: Expectation, context: Context): string[] {
  const type = headerValues(response, 'content-type').join(', ')
  const wrongType =
    mediaType(type) === 'application/json' ? [] : [`the body is ${show(type)}, not application/json`]
  return [
    ...wrongType,
    ...withJson(response, (body) => compareJson(expect.json, body, 'body', context.secret, expect.extra)),
  ]
}

function comparePointers(
  response: RawResponse,
  pointers: Record<string, unknown>,
  context: Context,
): string[] {
  return withJson(response, (body) =>
    Object.entries(pointers).flatMap(([pointer, expected]) => {
      const found = lookUp(body, pointer)
      return found ? compareJson(expected, found.value, pointer, context.secret) : [`${pointer} is missing`]
    }),
  )
}

function withJson(response: RawResponse, compare: (body: unknown) => string[]): string[] {
  if (!isUtf8(response.body)) return ['the body is not UTF-8']
  const text = response.body.toString()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return [`the body is not JSON: ${show(text)}`]
  }
  return compare(body)
}

function mediaType(value: string): string {
  return (value.split(';')[0] ?? '').trim().toLowerCase()
}

function listed(value: string): string[] {
  return value.split(',').map((item) => item.trim())
}

// The path and the query are compared as they were written; only a relative path has to be resolved.
function pathAndQuery(location: string, target: string): string {
  const reference = location.replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*/i, '').replace(/#.*$/s, '')
  if (reference.startsWith('/')) return reference
  if (reference !== location) return `/${reference}`
  const resolved = new URL(reference, `http://localhost${target}`)
  return resolved.pathname + resolved.search
}

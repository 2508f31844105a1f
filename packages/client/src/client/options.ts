import { type Clock, systemClock } from '../runtime/clock.js'
import { type ClientEvent, createEmit } from '../runtime/events.js'
import { isText } from '../runtime/text.js'
import { isSecure } from '../runtime/url.js'
import { type Credentials, createAuthenticator } from '../server/client-authentication.js'
import { discoverEndpoints } from '../server/discovery.js'
import type { Fetch } from '../server/exchange.js'
import { isPrivateKey } from '../server/private-key-jwt.js'
import type { ServerConfig } from '../server/token-endpoint.js'
import type { RenewalConfig } from '../tokens/renewable.js'
import type { TokenChoice } from '../tokens/token-target.js'

/** Options that clients and sessions share. Times are in milliseconds. */
export interface ClientOptions extends Credentials {
  /** Issuer of the tokens: the origin of Latchkey, as its setting `ISSUER` has it. */
  issuer: string
  /** Id of the client. */
  clientId: string
  /** Time for each response of the issuer. Default: 5,000. */
  timeoutMs?: number | undefined
  /** Time for which a call waits, in all, between its requests to an issuer that is down. Default: 10,000. */
  waitMs?: number | undefined
  /** Origins to which tokens may be sent. Default: all with https, and this machine. */
  origins?: readonly string[] | undefined
  /** Allows an issuer and services with http that are not on this machine. Default: false. */
  allowHttp?: boolean | undefined
  /** Called with each event, for metrics and traces. What it throws is ignored. */
  onEvent?: ((event: ClientEvent) => unknown) | undefined
  /** Replaces the global `fetch`. */
  fetch?: Fetch | undefined
  /** Replaces the clock, in tests. */
  clock?: Clock | undefined
  /** Replaces `Math.random`, in tests. */
  random?: (() => number) | undefined
}

/** What the parts of a client need. */
export interface ClientConfig extends ServerConfig, RenewalConfig {
  issuer: string
  clientId: string
  origins: readonly string[] | null
  allowHttp: boolean
}

/** Maximum of every time (milliseconds): an hour. */
const maxMs = 3_600_000

/** Names of the options that clients and sessions share, and of those that choose a token. */
const sharedNames: ReadonlySet<string> = new Set<keyof ClientOptions | keyof TokenChoice>([
  'allowHttp',
  'clientAssertion',
  'clientId',
  'clientSecret',
  'clock',
  'fetch',
  'issuer',
  'onEvent',
  'origins',
  'privateKey',
  'random',
  'resource',
  'scope',
  'timeoutMs',
  'waitMs',
])

/**
 * Checks options, and adds the defaults.
 *
 * @param owner name of the function that has the options
 * @param ownNames names of the options that only this function has
 * @throws TypeError for an option that is missing, wrong or unknown: a misspelt `origins` must not send tokens everywhere
 */
export function readOptions(
  owner: string,
  options: ClientOptions,
  ownNames: readonly string[] = [],
): ClientConfig {
  const unknown = Object.keys(Object(options)).find(
    (name) => !sharedNames.has(name) && !ownNames.includes(name),
  )
  if (unknown !== undefined) throw new TypeError(`${owner}: there is no option ${unknown}`)
  // null has no options.
  const { issuer, clientId, origins, onEvent, ...given } = Object(options) as ClientOptions
  const { allowHttp = false, timeoutMs = 5_000, waitMs = 10_000, clock = systemClock } = given
  const { fetch = (url, init) => globalThis.fetch(url, init), random = Math.random } = given
  const { clientSecret, privateKey, clientAssertion } = given
  const credentials: Credentials = withoutUndefined({ clientSecret, privateKey, clientAssertion })
  const aSecret = 'a secret, a list of secrets, or a function that returns one'
  requireAll(owner, [
    ['allowHttp', typeof allowHttp === 'boolean', 'true or false'],
    [
      'issuer',
      isIssuer(issuer, allowHttp),
      'an https URL, or one with http on this machine or with allowHttp',
    ],
    ['clientId', isText(clientId), 'the id of the client'],
    ['clientSecret', isSupplied(clientSecret, isSecret), aSecret],
    ['privateKey', isSupplied(privateKey, isPrivateKey), '{ key } for ES256, EdDSA or RS256, or a function'],
    ['clientAssertion', isSupplied(clientAssertion, isSecret), 'a token, or a function that returns one'],
    ['clientSecret', Object.keys(credentials).length < 2, 'left out with a privateKey or a clientAssertion'],
    ['timeoutMs', isWithin(timeoutMs, 1), `from 1 to ${maxMs}`],
    ['waitMs', isWithin(waitMs, 0), `from 0 to ${maxMs}`],
    ['origins', origins === undefined || isListOfOrigins(origins), 'a list of origins'],
    ['onEvent', onEvent === undefined || typeof onEvent === 'function', 'a function'],
    ['fetch', typeof fetch === 'function', 'a function'],
    ['random', typeof random === 'function', 'a function'],
    [
      'clock',
      hasMethods(clock, ['now', 'monotonic', 'sleep', 'timeout']),
      'an object with now, monotonic, sleep and timeout',
    ],
  ])
  const emit = createEmit(onEvent)
  const authenticator = createAuthenticator({ issuer, clientId, credentials, clock, timeoutMs })
  const shared = { issuer, fetch, clock, random, timeoutMs, waitMs, emit }
  const endpoints = discoverEndpoints(shared)
  return { ...shared, clientId, origins: origins ?? null, allowHttp, authenticator, endpoints }
}

/** Rule of an option, with a text that says it. */
export type Rule = [name: string, isValid: boolean, expected: string]

/** @throws TypeError for the first option that is not valid */
export function requireAll(owner: string, rules: Rule[]): void {
  for (const [name, isValid, expected] of rules)
    if (!isValid) throw new TypeError(`${owner}: ${name} must be ${expected}`)
}

/** Returns whether a value is an object with methods. */
export function hasMethods(value: unknown, names: string[]): boolean {
  const methods = Object(value) as Record<string, unknown>
  return names.every((name) => typeof methods[name] === 'function')
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

function isIssuer(issuer: unknown, allowHttp: boolean): boolean {
  if (typeof issuer !== 'string' || !URL.canParse(issuer)) return false
  const url = new URL(issuer)
  return isSecure(url) || (allowHttp && url.protocol === 'http:')
}

function isSupplied(value: unknown, isValid: (value: unknown) => boolean): boolean {
  return value === undefined || typeof value === 'function' || isValid(value)
}

function isSecret(secret: unknown): boolean {
  const secrets = [secret].flat()
  return secrets.length > 0 && secrets.every(isText)
}

function isListOfOrigins(origins: unknown): boolean {
  return Array.isArray(origins) && origins.every(isOrigin)
}

function isOrigin(origin: unknown): boolean {
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin
}

function isWithin(ms: number, min: number): boolean {
  return Number.isFinite(ms) && ms >= min && ms <= maxMs
}

import type { Fetch } from '../remote/fetch-document.js'
import { type Clock, systemClock } from '../runtime/clock.js'
import type { VerifierEvent } from '../runtime/events.js'
import { isSecure } from '../runtime/url.js'
import { type Algorithm, allAlgorithms } from '../token/jws.js'

/** Options of a verifier. Times are in whole milliseconds. */
export interface VerifierOptions {
  /** Issuer of the tokens: the origin of Latchkey, as its setting `ISSUER` has it. */
  issuer: string
  /** Audience of the service, as the tokens name it. With several, a token names one of them. */
  audience: string | readonly string[]
  /** Algorithms that are allowed. Default: ES256 and RS256. */
  algorithms?: readonly Algorithm[] | undefined
  /** Maximum difference between the clocks of issuer and service. Default: 5,000. */
  clockToleranceMs?: number | undefined
  /** URL of the JWK Set. Default: the `jwks_uri` of the issuer's metadata, which must be at the issuer's origin. */
  jwksUri?: string | undefined
  /** Age at which a key is no longer used unless it was seen again. Default: 3,600,000 (an hour). */
  maxKeyAgeMs?: number | undefined
  /** Time for each response of the issuer. Default: 5,000. */
  timeoutMs?: number | undefined
  /** Whether to look tokens up in their status list. Default: true. */
  checkStatus?: boolean | undefined
  /** Whether to refuse tokens that name no status list. Default: false. */
  requireStatus?: boolean | undefined
  /** Age at which a status list is fetched again. Default: 3,000. */
  statusPollMs?: number | undefined
  /**
   * Policy for a status list that is older than `statusPollMs` and cannot be fetched: `accept` uses it until it expires, ten minutes
   * after it was signed; `refuse` answers with 503. Default: `accept`.
   */
  whenStale?: 'accept' | 'refuse' | undefined
  /** Origins at which status lists may be, besides that of the issuer. */
  statusOrigins?: readonly string[] | undefined
  /** Maximum number of status lists in memory, of at most 128 KiB each. Default: 64. */
  maxStatusLists?: number | undefined
  /** Allows an issuer with http that is not on this machine. Default: false. */
  allowHttp?: boolean | undefined
  /** Called with each event, for metrics and traces. What it throws is ignored. */
  onEvent?: ((event: VerifierEvent) => unknown) | undefined
  /** Replaces the global `fetch`. */
  fetch?: Fetch | undefined
  /** Replaces the clock, in tests. */
  clock?: Clock | undefined
}

/** An object of which no member is undefined; some may be missing. */
type Defined<T> = { [Name in keyof T]: Exclude<T[Name], undefined> }

/** An object of which no member is undefined or missing. */
export type Complete<T> = Required<Defined<T>>

/** Checked options, with their defaults. */
export interface VerifierConfig extends Complete<Omit<VerifierOptions, 'audience' | 'jwksUri' | 'onEvent'>> {
  audiences: readonly string[]
  jwksUri: string | null
  onEvent: VerifierOptions['onEvent']
}

/** Maximum of every time (milliseconds): a day. */
const maxMs = 86_400_000

/** Values of the options that are not set. */
const defaults = {
  algorithms: allAlgorithms,
  allowHttp: false,
  clockToleranceMs: 5_000,
  maxKeyAgeMs: 3_600_000,
  timeoutMs: 5_000,
  checkStatus: true,
  requireStatus: false,
  statusPollMs: 3_000,
  whenStale: 'accept',
  statusOrigins: [],
  maxStatusLists: 64,
  fetch: (url, init) => globalThis.fetch(url, init),
  clock: systemClock,
  onEvent: undefined,
  jwksUri: null,
} satisfies Omit<VerifierConfig, 'issuer' | 'audiences'>

/**
 * Checks the options of a verifier, and adds the defaults.
 *
 * @throws TypeError for an option that is missing, wrong or unknown: a setting that is not set must not make a service accept more
 */
export function readOptions({ issuer, audience, ...options }: VerifierOptions): VerifierConfig {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(defaults, name))
  if (unknown !== undefined) throw new TypeError(`tokenVerifier: there is no option ${unknown}`)
  const config = { ...defaults, ...withoutUndefined(options), issuer, audiences: [audience].flat() }
  for (const [name, isValid, expected] of listRules(config))
    if (!isValid) throw new TypeError(`tokenVerifier: ${name} must be ${expected}`)
  return config
}

/** Returns the rule of each option, with a text that says it. */
function listRules(
  config: VerifierConfig,
): [name: keyof VerifierOptions, isValid: boolean, expected: string][] {
  const { allowHttp, audiences, algorithms, clock, jwksUri, onEvent, statusOrigins, whenStale } = config
  const isAllowed = (url: unknown) => isAllowedUrl(url, allowHttp)
  const aUrl = 'an https URL, or one with http on this machine or with allowHttp'
  return [
    ['allowHttp', typeof allowHttp === 'boolean', 'true or false'],
    ['issuer', isAllowed(config.issuer), aUrl],
    ['audience', areFilled(audiences), 'the identifier of this service, or a list of identifiers'],
    ['algorithms', areAlgorithms(algorithms), `a list of ${allAlgorithms.join(', ')}`],
    ['jwksUri', jwksUri === null || isAllowed(jwksUri), aUrl],
    ['clockToleranceMs', isWithin(config.clockToleranceMs, 0), `an integer from 0 to ${maxMs}`],
    ['maxKeyAgeMs', isWithin(config.maxKeyAgeMs, 1), `an integer from 1 to ${maxMs}`],
    ['timeoutMs', isWithin(config.timeoutMs, 1), `an integer from 1 to ${maxMs}`],
    ['checkStatus', typeof config.checkStatus === 'boolean', 'true or false'],
    ['requireStatus', typeof config.requireStatus === 'boolean', 'true or false'],
    ['requireStatus', config.checkStatus || !config.requireStatus, 'false if checkStatus is false'],
    ['statusPollMs', isWithin(config.statusPollMs, 1), `an integer from 1 to ${maxMs}`],
    ['whenStale', ['accept', 'refuse'].includes(whenStale), '"accept" or "refuse"'],
    [
      'statusOrigins',
      isListOf(statusOrigins, (origin) => isAllowed(origin) && isOrigin(origin)),
      'a list of origins',
    ],
    [
      'maxStatusLists',
      Number.isInteger(config.maxStatusLists) && config.maxStatusLists > 0,
      'a positive integer',
    ],
    ['fetch', isFunction(config.fetch), 'a function'],
    ['clock', isFunction(clock?.now) && isFunction(clock.monotonic), 'an object with now and monotonic'],
    ['onEvent', onEvent === undefined || isFunction(onEvent), 'a function'],
  ]
}

/** Returns an object without the members that are undefined, so that they do not replace defaults. */
function withoutUndefined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>
}

/** Returns whether a value is a URL with https, or with http on this machine or where `allowHttp` permits it. */
function isAllowedUrl(value: unknown, allowHttp: boolean): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const url = new URL(value)
  return isSecure(url) || (allowHttp && url.protocol === 'http:')
}

function isOrigin(url: unknown): boolean {
  return new URL(String(url)).origin === url
}

function areFilled(values: unknown): boolean {
  return isListOf(values, (value) => typeof value === 'string' && value !== '') && values.length > 0
}

function areAlgorithms(names: unknown): boolean {
  return isListOf(names, (name) => allAlgorithms.some((allowed) => allowed === name)) && names.length > 0
}

function isListOf(values: unknown, isValid: (value: unknown) => boolean): values is unknown[] {
  return Array.isArray(values) && values.every(isValid)
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isWithin(ms: number, min: number): boolean {
  return Number.isInteger(ms) && ms >= min && ms <= maxMs
}

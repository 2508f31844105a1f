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

/**
 * Checks the options of a verifier, and adds the defaults.
 *
 * @throws TypeError for an option that is missing or wrong: a setting that is not set must not make a service accept more
 */
export function readOptions({ audience, ...options }: VerifierOptions): VerifierConfig {
  const config: VerifierConfig = {
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
    ...withoutUndefined(options),
    audiences: [audience].flat(),
  }
  for (const [name, isValid, expected] of listRules(config))
    if (!isValid) throw new TypeError(`tokenVerifier: ${name} must be ${expected}`)
  return config
}

/** Returns the rule of each option, with a text that says it. */
function listRules(
  config: VerifierConfig,
): [name: keyof VerifierOptions, isValid: boolean, expected: string][] {
  const { allowHttp, audiences, algorithms, jwksUri, statusOrigins, whenStale } = config
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
      statusOrigins.every((origin) => isAllowed(origin) && isOrigin(origin)),
      'a list of origins',
    ],
    [
      'maxStatusLists',
      Number.isInteger(config.maxStatusLists) && config.maxStatusLists > 0,
      'a positive integer',
    ],
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

function isOrigin(url: string): boolean {
  return new URL(url).origin === url
}

function areFilled(values: readonly unknown[]): boolean {
  return values.length > 0 && values.every((value) => typeof value === 'string' && value !== '')
}

function areAlgorithms(names: readonly unknown[]): boolean {
  return names.length > 0 && names.every((name) => allAlgorithms.some((allowed) => allowed === name))
}

function isWithin(ms: number, min: number): boolean {
  return Number.isInteger(ms) && ms >= min && ms <= maxMs
}

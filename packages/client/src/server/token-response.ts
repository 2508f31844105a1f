import { type JsonObject, parseObject } from './json.js'

/** A successful response of a token endpoint (RFC 6749 §5.1). */
export interface TokenResponse {
  accessToken: string
  /** Lifetime of the access token (seconds). */
  expiresIn: number
  /** Granted scope-tokens, separated by spaces; null if they are those that were requested. */
  scope: string | null
  /** Null without one. */
  refreshToken: string | null
}

/** Maximum length of a token (characters). */
const maxTokenLength = 16_384
/** Maximum lifetime of a token (seconds): ten years. */
const maxExpiresIn = 315_360_000

/** Parses a response of a token endpoint. @throws Error, which says what is wrong and quotes nothing */
export function parseTokenResponse(text: string): TokenResponse {
  const response = parseObject(text)
  if ('error' in response) throw new Error('the response has status 200 and an error')
  return {
    accessToken: requireBearer(response),
    expiresIn: requireLifetime(response.expires_in),
    scope: optional('scope', response.scope, isText),
    refreshToken: optional('refresh_token', response.refresh_token, isToken),
  }
}

function requireBearer({ access_token: token, token_type: type }: JsonObject): string {
  if (!isToken(token)) throw new Error('access_token is missing, or is not a token')
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw new Error('token_type is not Bearer')
  return token
}

/** A lifetime that is not known cannot be renewed at a share of it. */
function requireLifetime(seconds: unknown): number {
  if (!Number.isInteger(seconds) || Number(seconds) < 1 || Number(seconds) > maxExpiresIn)
    throw new Error(`expires_in is not a whole number of seconds from 1 to ${maxExpiresIn}`)
  return Number(seconds)
}

function optional(name: string, value: unknown, isValid: (value: unknown) => value is string): string | null {
  if (value === undefined || value === null) return null
  if (!isValid(value)) throw new Error(`${name} is not valid`)
  return value
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Returns whether a value can stand in a header: visible ASCII characters (RFC 6749 §A.12). */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTokenLength && /^[!-~]+$/.test(value)
}

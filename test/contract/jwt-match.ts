import { createHmac } from 'node:crypto'
import { isObject } from './cases.js'

const LIFETIME_TOLERANCE_SECONDS = 10

/** Says why `actual` is not an HS256 JWT as `wanted` describes it that the tutorial's decoder would take. */
export function checkJwt(wanted: unknown, actual: unknown, secret: string): string[] {
  if (!isObject(wanted)) return ['the matcher $jwt needs an object']
  if (typeof actual !== 'string') return ['is not a string']
  const segments = actual.split('.')
  const [header = '', payload = '', signature = ''] = segments
  if (segments.length !== 3 || !segments.every((segment) => /^[\w-]+$/.test(segment))) return ['is not a JWT']
  const expectedSignature = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url')
  if (signature !== expectedSignature) return ['the signature does not verify']
  const head = parseObject(header)
  const claims = parseObject(payload)
  if (!head || !claims) return ['header and payload are not JSON objects']
  return [...checkHeader(head), ...checkTimes(claims, wanted), ...checkClaims(claims, wanted)]
}

function checkHeader(header: Record<string, unknown>): string[] {
  return problems([
    [header.alg !== 'HS256', `alg is ${JSON.stringify(header.alg)}, not HS256`],
    ['crit' in header, 'the header has crit'],
  ])
}

function checkTimes(claims: Record<string, unknown>, wanted: Record<string, unknown>): string[] {
  const now = Date.now() / 1000
  const { exp, nbf } = claims
  if (typeof exp !== 'number' || !Number.isInteger(exp))
    return [`exp is ${JSON.stringify(exp)}, not an integer`]
  const lifetime = wanted.lifetimeSeconds
  const isOff = typeof lifetime === 'number' && Math.abs(exp - now - lifetime) > LIFETIME_TOLERANCE_SECONDS
  return problems([
    [exp <= now, 'exp is not in the future'],
    [isOff, `the lifetime is ${Math.round(exp - now)} s, not ${lifetime} s`],
    [nbf !== undefined && !(typeof nbf === 'number' && nbf <= now), 'nbf is not a time that has come'],
    [!isOptional(claims.iat, 'number'), 'iat is not a number'],
  ])
}

function checkClaims(claims: Record<string, unknown>, wanted: Record<string, unknown>): string[] {
  return problems([
    [claims.sub !== wanted.sub, `sub is ${JSON.stringify(claims.sub)}, not ${JSON.stringify(wanted.sub)}`],
    ['aud' in claims, 'the payload has aud'],
    ['at_hash' in claims, 'the payload has at_hash'],
    [!isOptional(claims.jti, 'string'), 'jti is not a string'],
  ])
}

function isOptional(claim: unknown, type: 'number' | 'string'): boolean {
  return claim === undefined || typeof claim === type
}

function problems(checks: [isProblem: boolean, text: string][]): string[] {
  return checks.filter(([isProblem]) => isProblem).map(([, text]) => text)
}

function parseObject(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

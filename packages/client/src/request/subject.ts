import { decodeBase64Url } from '../server/base64.js'
import { parseObject } from '../server/json.js'

/**
 * Returns whether two access tokens are for the same subject (RFC 9068 §2.2), as far as they say. Their signatures are not
 * verified: both come from the issuer.
 */
export function haveSameSubject(one: string, other: string): boolean {
  return subjectOf(one) === subjectOf(other)
}

function subjectOf(token: string): unknown {
  const [, payload = ''] = token.split('.')
  try {
    return parseObject(decodeBase64Url(payload)).sub
  } catch {
    return undefined
  }
}

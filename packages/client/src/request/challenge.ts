/** Maximum length of a challenge that is read (characters). */
const maxLength = 4_096
/** A scheme, or a parameter with its value, which is a token or a quoted string (RFC 9110 §11.3). */
const part = /([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)"))?/g

/**
 * Returns whether a response refuses the token of its request (RFC 6750 §3): a status of 401 whose challenge says
 * `invalid_token`, or says nothing. Browsers hide the challenge of another origin unless that exposes it.
 */
export function refusesToken({ status, headers }: Response): boolean {
  if (status !== 401) return false
  const challenge = headers.get('www-authenticate')
  if (challenge === null) return true
  const errors = readBearerErrors(challenge.slice(0, maxLength))
  return errors.some((error) => error === null || error === 'invalid_token')
}

/** Returns the error of each challenge for a bearer token; null for one without. */
function readBearerErrors(challenges: string): (string | null)[] {
  const errors: (string | null)[] = []
  let isBearer = false
  for (const [, name = '', token, quoted] of challenges.matchAll(part)) {
    const value = token ?? quoted
    if (value === undefined) {
      isBearer = name.toLowerCase() === 'bearer'
      if (isBearer) errors.push(null)
    } else if (isBearer && name.toLowerCase() === 'error') errors[errors.length - 1] = value
  }
  return errors
}

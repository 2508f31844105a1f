import { createHmac, randomBytes } from 'node:crypto'

// Standard Webhooks (https://www.standardwebhooks.com), symmetric signatures.

/** Prefix of every secret. */
const prefix = 'whsec_'
/** Length of secrets (bytes). */
const secretBytes = 32

/** A message as it is signed. */
export interface SignedContent {
  id: string
  /** Time of the attempt (seconds since 1970). */
  timestamp: number
  body: string
}

/** Generates a secret, with its prefix. */
export function newWebhookSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

/** Returns the headers of a message, with a signature by each secret. */
export function signedHeaders(
  { id, timestamp, body }: SignedContent,
  secrets: string[],
): Record<string, string> {
  const signatures = secrets.map((secret) => sign(`${id}.${timestamp}.${body}`, secret))
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  }
}

function sign(content: string, secret: string): string {
  const key = Buffer.from(secret.slice(prefix.length), 'base64')
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
}

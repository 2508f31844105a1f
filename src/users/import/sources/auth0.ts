import type { AccountRow } from '../account.js'

/** An entry of `identifiers`, which newer exports have. */
interface Identifier {
  type?: unknown
  value?: unknown
  verified?: unknown
}

/**
 * Translates a user of Auth0's export of password hashes, which support provides as NDJSON. Users without a username log in
 * with their address, which becomes their username.
 */
export function fromAuth0(user: Record<string, unknown>): AccountRow {
  const identifiers = Array.isArray(user.identifiers) ? (user.identifiers as (Identifier | null)[]) : []
  const address = identifiers.find((identifier) => identifier?.type === 'email')
  const email = user.email ?? address?.value
  return {
    username: user.username ?? email,
    email,
    email_verified: user.email_verified ?? address?.verified,
    full_name: user.name === email ? null : user.name,
    disabled: user.blocked,
    hashed_password: user.passwordHash,
  }
}

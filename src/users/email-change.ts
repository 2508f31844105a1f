import { InvalidInput } from '../errors.js'
import type { Emails } from './user-store.js'

/** What a request does to the addresses of a user. */
export interface EmailChange {
  /** Columns to write. */
  changes: { email?: null; pendingEmail?: string | null }
  /** Address to mail a confirmation link to: the pending one. */
  toConfirm: string | null
  /** Confirmed address to notify that it is to be replaced or was removed. */
  toNotify: string | null
}

/** A change that changes nothing. */
export const noChange: EmailChange = { changes: {}, toConfirm: null, toNotify: null }

/**
 * Decides what becomes of a user's addresses. The address that is shown is the pending one or, without one, the
 * confirmed one; giving that again changes nothing, but with the password asks for another confirmation mail.
 *
 * @param given the address to set, or null to remove all
 * @throws InvalidInput when the password is missing for a change
 */
export function decideEmailChange(
  { email, pendingEmail }: Emails,
  given: string | null,
  hasPassword: boolean,
): EmailChange {
  const shown = pendingEmail ?? email
  if (given === shown)
    return hasPassword && given === pendingEmail ? { ...noChange, toConfirm: given } : noChange
  if (!hasPassword) throw new InvalidInput('body', ['password'], 'missing', 'Field required')
  if (given === null)
    return { changes: { email: null, pendingEmail: null }, toConfirm: null, toNotify: email }
  if (given === email) return { ...noChange, changes: { pendingEmail: null } }
  return { changes: { pendingEmail: given }, toConfirm: given, toNotify: email }
}

import { InvalidInput } from '../errors.js'
import type { Emails } from './store/emails.js'

/** Change of the addresses of a user by a request. */
export interface EmailChange {
  /** Columns to write. */
  changes: { email?: null; pendingEmail?: string | null }
  /** Address to mail a confirmation link to: the pending one. */
  toConfirm: string | null
  /** Confirmed address to notify that it is about to be replaced or was removed. */
  toNotify: string | null
}

/** A change of nothing. */
export const noChange: EmailChange = { changes: {}, toConfirm: null, toNotify: null }

/**
 * Decides how a request changes the addresses of a user. The API shows the pending address or, without one, the
 * confirmed address. Giving the shown address again changes nothing, but with the password requests another
 * confirmation e-mail.
 *
 * @param given address to set, or null to remove all
 * @throws InvalidInput if the change requires the password
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

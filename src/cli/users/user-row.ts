import { isEmailVerified, type StoredUser } from '../../users/store/managed-users.js'
import type { Row } from '../output.js'

/** Returns a user as the command line shows them. */
export function toUserRow(user: StoredUser): Row {
  return {
    username: user.username,
    email: user.pendingEmail ?? user.email,
    email_verified: isEmailVerified(user),
    full_name: user.fullName,
    disabled: user.disabled,
    password_change_required: user.passwordChangeRequired,
    scopes: user.scopes,
    roles: user.roles,
    subject: user.subject,
    created_at: user.createdAt.toISOString(),
  }
}

import { parseJson } from '../../../http/json/parser.js'
import { type AccountRow, RowProblem } from '../account.js'

/**
 * Translates a row of Supabase's table `auth.users`, exported as CSV. Users log in with their address, which becomes their
 * username.
 *
 * @param now time of the database, at which a ban may have ended
 */
export function fromSupabase(user: Record<string, unknown>, now: Date): AccountRow {
  if (user.deleted_at) throw new RowProblem('the user was deleted')
  if (!user.email) throw new RowProblem('the user has no email, which becomes the username')
  return {
    username: user.email,
    email: user.email,
    email_verified: Boolean(user.email_confirmed_at),
    full_name: readFullName(user.raw_user_meta_data),
    disabled: Boolean(user.banned_until) && !(new Date(String(user.banned_until)) < now),
    hashed_password: user.encrypted_password,
  }
}

/** Returns the display name that the metadata have, under either of the names that sign-in providers use. */
function readFullName(metadata: unknown): unknown {
  if (!metadata) return null
  try {
    const names = parseJson(Buffer.from(String(metadata))) as { full_name?: unknown; name?: unknown } | null
    return names?.full_name ?? names?.name
  } catch {
    throw new RowProblem('raw_user_meta_data is not valid JSON')
  }
}

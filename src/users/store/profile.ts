import type { Transaction } from '../../database/client.js'

/** The caller of a request. */
export interface CurrentUser {
  id: string
  username: string
  /** Address that the user gave last, confirmed or not. */
  email: string | null
  fullName: string | null
  disabled: boolean
}

/** Columns of a profile to write. */
export interface ProfileChanges {
  fullName?: string | null
  email?: null
  pendingEmail?: string | null
}

/** Changes a user's own profile. Returns the user, or null if they no longer exist. */
export async function updateProfile(
  id: string,
  changes: ProfileChanges,
  database: Transaction,
): Promise<CurrentUser | null> {
  const [updated] = await database.user.updateManyAndReturn({
    where: { id },
    data: changes,
    select: { id: true, username: true, email: true, pendingEmail: true, fullName: true, disabled: true },
  })
  if (!updated) return null
  const { pendingEmail, ...user } = updated
  return { ...user, email: pendingEmail ?? user.email }
}

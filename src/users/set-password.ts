import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { administratorEvent, ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { ServiceError } from '../errors.js'
import { newPassword } from '../passwords/new-password.js'
import { requireFound } from './manage-users.js'
import type { AssignedPassword, PasswordAssignment } from './managed-user-schema.js'
import { type PasswordOwner, requireNewPassword } from './password-rules.js'
import { requirePassword } from './require-password.js'
import { replacePassword, setPassword } from './store/credentials.js'
import { findEmails } from './store/emails.js'
import { findLinkOwner, setPasswordByLink } from './store/links.js'
import { findManagedUser } from './store/managed-users.js'
import type { PasswordChange, PasswordReset } from './user-schema.js'

/** Sets a new password of the current user, who must know the old one. */
export async function changePassword(
  app: FastifyInstance,
  request: FastifyRequest,
  { old_password: oldPassword, new_password: newPassword }: Static<typeof PasswordChange>,
): Promise<void> {
  const { database, passwords } = app
  const { id, username } = request.currentUser
  const oldHash = await requirePassword(app, 'password_changed', oldPassword, request)
  const { email, pendingEmail } = await findEmails(id, database)
  const owner = { username, emails: [email, pendingEmail] }
  await requireNewPassword('new_password', newPassword, owner, oldPassword)
  const newHash = await passwords.hash(newPassword)
  await database.$transaction(async (transaction) => {
    if (!(await replacePassword(id, oldHash, newHash, transaction))) throw new ServiceError('conflict')
    await recordEvent(ownEvent('password_changed', request.currentUser, request), transaction)
  })
}

/** Sets a new password of the user to whom a link was mailed. */
export async function resetPassword(
  { database, passwords }: FastifyInstance,
  request: FastifyRequest,
  { token, password }: Static<typeof PasswordReset>,
): Promise<void> {
  const user = await findLinkOwner('reset_password', token, database)
  if (!user) throw new ServiceError('invalid_link')
  const owner = { username: user.username, emails: [user.email, user.pendingEmail] }
  await requireNewPassword('password', password, owner)
  const hash = await passwords.hash(password)
  await database.$transaction(async (transaction) => {
    if (!(await setPasswordByLink(token, hash, transaction))) throw new ServiceError('invalid_link')
    await recordEvent(ownEvent('password_reset', user, request), transaction)
  })
}

/** Sets a given or a generated password of another user as an administrator. */
export async function assignPassword(
  app: FastifyInstance,
  request: FastifyRequest,
  username: string,
  { password, password_change_required: passwordChangeRequired }: Static<typeof PasswordAssignment>,
): Promise<Static<typeof AssignedPassword>> {
  const { database } = app
  const { currentUser } = request
  if (username === currentUser.username) throw new ServiceError('own_password')
  const { email, pendingEmail } = requireFound(await findManagedUser(username, database))
  const owner = { username, emails: [email, pendingEmail] }
  const { hashedPassword, generated } = await hashGivenOrGenerated(password, owner, app)
  const changes = { hashedPassword, passwordChangeRequired }
  await database.$transaction(async (transaction) => {
    await setPassword(username, changes, transaction)
    const user = requireFound(await findManagedUser(username, transaction))
    await recordEvent(administratorEvent('password_changed', user, currentUser, request), transaction)
  })
  return { password: generated }
}

/** Hash of a password that an administrator sets, and the password itself if it was generated. */
interface HashedPassword {
  hashedPassword: string
  generated: string | null
}

/** Hashes a given password that follows the rules or, if none is given, a generated one. @throws InvalidInput */
export async function hashGivenOrGenerated(
  given: string | undefined,
  owner: PasswordOwner,
  { passwords }: FastifyInstance,
): Promise<HashedPassword> {
  if (given === undefined) {
    const generated = newPassword()
    return { hashedPassword: await passwords.hash(generated), generated }
  }
  await requireNewPassword('password', given, owner)
  return { hashedPassword: await passwords.hash(given), generated: null }
}

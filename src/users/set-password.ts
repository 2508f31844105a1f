import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { within } from '../database/query.js'
import { ServiceError } from '../errors.js'
import { requireNewPassword } from './password-rules.js'
import { requirePassword } from './require-password.js'
import { replacePassword } from './store/credentials.js'
import { findEmails } from './store/emails.js'
import { findLinkOwner, setPasswordByLink } from './store/links.js'
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
    await recordEvent(ownEvent('password_changed', request.currentUser, request), within(transaction))
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
    await recordEvent(ownEvent('password_reset', user, request), within(transaction))
  })
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { administratorEvent } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { within } from '../../database/query.js'
import { ServiceError } from '../../errors.js'
import { newPassword } from '../../passwords/new-password.js'
import { type PasswordOwner, requireNewPassword } from '../password-rules.js'
import { setPassword } from '../store/credentials.js'
import { findManagedUser } from '../store/managed-users.js'
import { requireFound } from './manage-users.js'
import type { AssignedPassword, PasswordAssignment } from './managed-user-schema.js'

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
    await recordEvent(administratorEvent('password_changed', user, currentUser, request), within(transaction))
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

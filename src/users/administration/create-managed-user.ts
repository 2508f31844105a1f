import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { administratorEvent, sourceOf } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { within } from '../../database/query.js'
import { InvalidInput, ServiceError } from '../../errors.js'
import { callerOf } from '../mails/mail-budget.js'
import { mailConfirmation } from '../mails/mail-confirmation.js'
import { findUsernameProblem } from '../names/username.js'
import { createUser, type NewUser } from '../store/accounts.js'
import { findManagedUser, type StoredUser } from '../store/managed-users.js'
import { hashGivenOrGenerated } from './assign-password.js'
import { requireFound, toManagedUser } from './manage-users.js'
import type { CreatedUser, UserCreation } from './managed-user-schema.js'

/**
 * Creates a user as an administrator, with a given or a generated password. Unlike a registration, the response reveals
 * whether the name is taken.
 */
export async function createManagedUser(
  app: FastifyInstance,
  request: FastifyRequest,
  username: string,
  body: Static<typeof UserCreation>,
  issuer: string,
): Promise<Static<typeof CreatedUser>> {
  const { email, email_verified: isVerified } = body
  const problem = findUsernameProblem(username)
  if (problem) throw new InvalidInput('path', ['username'], 'username', problem)
  if (isVerified && email === undefined)
    throw new InvalidInput('body', ['email'], 'missing', 'Field required')
  const owner = { username, emails: [email] }
  const { hashedPassword, generated } = await hashGivenOrGenerated(body.password, owner, app)
  const address = email ?? null
  const user = await storeUser(app, request, {
    username,
    email: isVerified ? address : null,
    pendingEmail: isVerified ? null : address,
    fullName: body.full_name ?? null,
    hashedPassword,
    disabled: body.disabled,
    passwordChangeRequired: body.password_change_required,
  })
  if (user.pendingEmail !== null)
    app.background.run('mailing a link to a new user', callerOf(sourceOf(request)), () =>
      mailConfirmation(app, user.id, issuer),
    )
  return { ...toManagedUser(user), password: generated }
}

/** @throws ServiceError `user_exists` */
async function storeUser(app: FastifyInstance, request: FastifyRequest, user: NewUser): Promise<StoredUser> {
  const macKey = await app.claimNames()
  return app.database.$transaction(async (transaction) => {
    if ((await createUser(user, macKey, transaction)) === null) throw new ServiceError('user_exists')
    const created = requireFound(await findManagedUser(user.username, transaction))
    await recordEvent(
      administratorEvent('user_created', created, request.currentUser, request),
      within(transaction),
    )
    return created
  })
}

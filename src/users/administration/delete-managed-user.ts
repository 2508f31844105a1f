import type { FastifyInstance, FastifyRequest } from 'fastify'
import { administratorEvent } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { within } from '../../database/query.js'
import { InvalidInput, ServiceError } from '../../errors.js'
import { requirePassword } from '../require-password.js'
import { deleteCheckedUser, deleteUser } from '../store/accounts.js'
import { findManagedUser } from '../store/managed-users.js'
import { requireFound } from './manage-users.js'

/** Deletes a user as an administrator, who must give their password if the account is their own. */
export async function deleteManagedUser(
  app: FastifyInstance,
  request: FastifyRequest,
  username: string,
  password: string | undefined,
): Promise<void> {
  const { currentUser } = request
  const checkedHash =
    username === currentUser.username ? await requireOwnPassword(app, request, password) : null
  await app.database.$transaction(async (transaction) => {
    const user = requireFound(await findManagedUser(username, transaction))
    const isDeleted =
      checkedHash === null
        ? await deleteUser(username, transaction)
        : await deleteCheckedUser(user.id, checkedHash, transaction)
    if (!isDeleted) throw new ServiceError('conflict')
    await recordEvent(administratorEvent('user_deleted', user, currentUser, request), within(transaction))
  })
}

/** @throws InvalidInput if the password is missing, ServiceError if it is wrong */
async function requireOwnPassword(
  app: FastifyInstance,
  request: FastifyRequest,
  password: string | undefined,
): Promise<string> {
  if (password === undefined) throw new InvalidInput('body', ['password'], 'missing', 'Field required')
  return requirePassword(app, 'user_deleted', password, request)
}

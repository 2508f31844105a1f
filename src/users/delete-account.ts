import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { within } from '../database/query.js'
import { ServiceError } from '../errors.js'
import { requirePassword } from './require-password.js'
import { deleteCheckedUser } from './store/accounts.js'

/** Deletes the current user, who must give their password. */
export async function deleteOwnAccount(
  app: FastifyInstance,
  request: FastifyRequest,
  password: string,
): Promise<void> {
  const { currentUser } = request
  const checkedHash = await requirePassword(app, 'user_deleted', password, request)
  await app.database.$transaction(async (transaction) => {
    if (!(await deleteCheckedUser(currentUser.id, checkedHash, transaction)))
      throw new ServiceError('conflict')
    await recordEvent(ownEvent('user_deleted', currentUser, request), within(transaction))
  })
}

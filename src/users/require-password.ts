import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Action, ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { ServiceError } from '../errors.js'
import { findCredentials } from './user-store.js'

/**
 * Returns the hash that the caller's password was compared with. A wrong password is an attempt like one at the login:
 * it is limited and recorded, as a failure of `action`.
 *
 * @throws ServiceError `incorrect_password`, `too_many_attempts`, `service_unavailable`
 */
export async function requirePassword(
  { database, passwords }: FastifyInstance,
  action: Action,
  password: string,
  request: FastifyRequest,
): Promise<string> {
  const { currentUser } = request
  const { username } = currentUser
  passwords.requireCapacity()
  const credentials = await findCredentials(username, database)
  const guess = { username, password, hash: credentials?.hashedPassword, address: request.clientAddress }
  const isCorrect = await passwords.check(guess)
  if (!credentials || !isCorrect) {
    await recordEvent(ownEvent(action, currentUser, request, 'failed'), database)
    throw new ServiceError('incorrect_password')
  }
  return credentials.hashedPassword
}

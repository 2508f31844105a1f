import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AuditAction, ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { ServiceError } from '../errors.js'
import { findCredentials, hashToVerify } from './store/credentials.js'

/**
 * Checks the current user's password, and returns the user's stored hash, which changes with the password. A wrong
 * password counts as a failed login: it is rate-limited, and recorded as a failure of `action`.
 *
 * @throws ServiceError `incorrect_password`, `too_many_attempts`, `service_unavailable`
 */
export async function requirePassword(
  { database, passwords }: FastifyInstance,
  action: AuditAction,
  password: string,
  request: FastifyRequest,
): Promise<string> {
  const { currentUser, clientAddress: address } = request
  const { username } = currentUser
  passwords.requireCapacity()
  const credentials = await findCredentials(username, database)
  const hash = hashToVerify(credentials)
  const isCorrect = await passwords.check({ username, password, hash, address })
  if (!credentials || !isCorrect) {
    await recordEvent(ownEvent(action, currentUser, request, 'failed'), database)
    throw new ServiceError('incorrect_password')
  }
  return credentials.hashedPassword
}

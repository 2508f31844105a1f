import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { sqlStateOf, uniqueViolation } from '../database/errors.js'
import { within } from '../database/query.js'
import { ServiceError } from '../errors.js'
import { emailReplacedMail } from './mails/messages.js'
import { confirmPendingEmail } from './store/links.js'

/** Confirms the address that a link was mailed to, and notifies the one that was confirmed before. */
export async function confirmEmail(
  app: FastifyInstance,
  request: FastifyRequest,
  token: string,
): Promise<void> {
  const { username, formerEmail } = await app.database
    .$transaction(async (transaction) => {
      const confirmed = await confirmPendingEmail(token, transaction)
      if (!confirmed) throw new ServiceError('invalid_link')
      await recordEvent(ownEvent('email_confirmed', confirmed, request), within(transaction))
      return confirmed
    })
    .catch(refuseTaken)
  if (formerEmail) app.sendMail(emailReplacedMail(formerEmail, username))
}

/** Translates the violation of the unique index: a confirmed address belongs to one user only. */
function refuseTaken(error: unknown): never {
  throw sqlStateOf(error) === uniqueViolation ? new ServiceError('email_taken') : error
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { eventOf, type NewAuditEvent, type RequestSource, sourceOf } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { within } from '../database/query.js'
import { createResetMails } from './mails/link-mails.js'
import { callerOf, consumeNetworkBudget } from './mails/mail-budget.js'
import { type EmailHolder, findUsersByEmail } from './store/emails.js'
import type { Accepted } from './user-schema.js'

/**
 * Mails a link that resets the password, in the background. The response does not reveal whether there is an account.
 */
export async function forgotPassword(
  app: FastifyInstance,
  request: FastifyRequest,
  email: string,
  issuer: string,
): Promise<Static<typeof Accepted>> {
  const source = sourceOf(request)
  await consumeNetworkBudget('forgot_password', source.address, await app.readMacKey(), app.database)
  app.background.run('mailing a link to reset a password', callerOf(source), () =>
    sendResetMails(app, email, source, issuer),
  )
  return { detail: 'If the address belongs to an account, an e-mail is on its way to it' }
}

/**
 * Records the request and mails the links. The statements and locks are the same whether or not there is an account.
 */
async function sendResetMails(
  app: FastifyInstance,
  email: string,
  source: RequestSource,
  issuer: string,
): Promise<void> {
  const context = { issuer, macKey: await app.readMacKey() }
  const holders = await findUsersByEmail(email, app.database)
  const mails = await app.database.$transaction(async (transaction) => {
    for (const user of holders.length > 0 ? holders : [null])
      await recordEvent(resetEvent(user, source), within(transaction))
    return createResetMails(email, holders, context, transaction)
  })
  for (const mail of mails) app.sendMail(mail)
}

/** Returns the event of a request. One for an unknown address is recorded too, without the address. */
function resetEvent(user: EmailHolder | null, source: RequestSource): NewAuditEvent {
  const outcome = user ? 'ok' : 'failed'
  return eventOf({ action: 'password_reset_requested', outcome, actor: null }, user, source)
}

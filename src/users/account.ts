import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { eventOf, type NewAuditEvent, ownEvent, type RequestSource, sourceOf } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Config } from '../config/index.js'
import { sqlStateOf, uniqueViolation } from '../database/errors.js'
import { ServiceError } from '../errors.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref } from '../http/schema.js'
import { checkPassword } from './checks.js'
import { makeResetMails } from './link-mails.js'
import { callerOf, chargeNetwork } from './mail-budget.js'
import { emailReplacedMail } from './mails.js'
import { confirmEmail, findTokenOwner, resetPassword } from './one-time-tokens.js'
import { confirmEmailPage, pageHeaders, resetPasswordPage } from './pages.js'
import { Accepted, EmailConfirmation, maxUserBytes, PasswordForgotten, PasswordReset } from './user-schema.js'
import { type EmailHolder, findUsersByEmail } from './user-store.js'

const hidden = { schema: { hide: true } }
const accepted = { detail: 'If there is an account with that address, a mail is on its way to it' }
const faults = errorResponses('internal_error', 'service_unavailable')

/** Where mailed links lead, for callers who are not signed in. */
export const accountRoutes: FastifyPluginAsyncTypebox<{ config: Config }> = async function account(
  app,
  { config },
) {
  const { database } = app

  app.get('/account/confirm-email', hidden, async function showEmailConfirmation(_request, reply) {
    return sendPage(reply, confirmEmailPage)
  })

  app.post(
    '/account/confirm-email',
    {
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'confirm_email',
        summary: 'Confirm an e-mail address',
        description:
          'Uses up a mailed link: the address that it was mailed to is then confirmed. The one that was confirmed before ' +
          'gets a notice.',
        tags: ['account'],
        body: ref(EmailConfirmation),
        response: {
          204: Type.Null({ description: 'Confirmed' }),
          ...errorResponses('invalid_link', 'email_taken'),
          ...validationResponse('token'),
          ...faults,
        },
      },
    },
    async function confirmAddress(request, reply) {
      const { username, formerEmail } = await database
        .$transaction(async (transaction) => {
          const confirmed = await confirmEmail(request.body.token, transaction)
          if (!confirmed) throw new ServiceError('invalid_link')
          await recordEvent(ownEvent('email_confirmed', confirmed, request), transaction)
          return confirmed
        })
        .catch(refuseTaken)
      if (formerEmail) app.sendMail(emailReplacedMail(formerEmail, username))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/account/forgot-password',
    {
      onRequest: async () => app.requireMail(),
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'forgot_password',
        summary: 'Ask for a new password',
        description:
          'Mails a link to the address. The answer is the same whether or not there is an account with it.',
        tags: ['account'],
        body: ref(PasswordForgotten),
        response: {
          202: ref(Accepted, { description: 'Accepted' }),
          ...errorResponses('mail_disabled', 'too_many_attempts'),
          ...validationResponse('email'),
          ...faults,
        },
      },
    },
    async function forgetPassword(request, reply) {
      const { email } = request.body
      const origin = sourceOf(request)
      await chargeNetwork('forgot_password', origin.address, await app.readMacKey(), database)
      app.background.run('a mail to set a new password', callerOf(origin), () => mailReset(email, origin))
      return reply.code(202).send(accepted)
    },
  )

  app.get('/account/reset-password', hidden, async function showPasswordReset(_request, reply) {
    return sendPage(reply, resetPasswordPage)
  })

  app.post(
    '/account/reset-password',
    {
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'reset_password',
        summary: 'Set a new password',
        description: 'Uses up a mailed link: sets another password and ends every login of the user.',
        tags: ['account'],
        body: ref(PasswordReset),
        response: {
          204: Type.Null({ description: 'Set' }),
          ...errorResponses('invalid_link'),
          ...validationResponse('password'),
          ...faults,
        },
      },
    },
    async function setNewPassword(request, reply) {
      const { token, password } = request.body
      const owner = await findTokenOwner(token, database)
      if (!owner) throw new ServiceError('invalid_link')
      const { username, email, pendingEmail } = owner
      await checkPassword('password', password, { username, emails: [email, pendingEmail] })
      const hashedPassword = await app.passwords.hash(password)
      await database.$transaction(async (transaction) => {
        if (!(await resetPassword(token, hashedPassword, transaction))) throw new ServiceError('invalid_link')
        await recordEvent(ownEvent('password_reset', owner, request), transaction)
      })
      return reply.code(204).send(null)
    },
  )

  /** Records the request and mails the links, with the same statements and locks be there an account or not. */
  async function mailReset(email: string, origin: RequestSource): Promise<void> {
    const context = { issuer: config.issuer, macKey: await app.readMacKey() }
    const holders = await findUsersByEmail(email, database)
    const mails = await database.$transaction(async (transaction) => {
      for (const user of holders.length > 0 ? holders : [null])
        await recordEvent(resetEvent(user, origin), transaction)
      return makeResetMails(email, holders, context, transaction)
    })
    mails.forEach(app.sendMail)
  }
}

/** An address that is nobody's is recorded too; the address itself is not. */
function resetEvent(user: EmailHolder | null, origin: RequestSource): NewAuditEvent {
  const asked = {
    action: 'password_reset_requested',
    outcome: user ? 'ok' : 'failed',
    actor: null,
  } as const
  return eventOf(asked, user, origin)
}

/** No two users have one address: the database decides who was first. */
function refuseTaken(error: unknown): never {
  throw sqlStateOf(error) === uniqueViolation ? new ServiceError('email_taken') : error
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').headers(pageHeaders).send(page)
}

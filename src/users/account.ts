import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../config.js'
import { sqlStateOf, uniqueViolation } from '../database/errors.js'
import type { Transaction } from '../database/index.js'
import { errorResponses, ServiceError, validationResponse } from '../errors.js'
import { eventOf, originOf, ownEvent } from '../events/event.js'
import { recordEvent } from '../events/store.js'
import type { Mail } from '../mail/index.js'
import { ref } from '../schema.js'
import { checkPassword } from './checks.js'
import { resetMail } from './mails.js'
import { confirmEmail, createMailedToken, findTokenOwner, resetPassword } from './one-time-tokens.js'
import { confirmEmailPage, pageHeaders, resetPasswordPage } from './pages.js'
import { Accepted, EmailConfirmation, maxUserBytes, PasswordForgotten, PasswordReset } from './schema.js'
import { type EmailHolder, findUsersByEmail } from './store.js'

const hidden = { schema: { hide: true } }
const accepted = { detail: 'If there is an account with that address, a mail is on its way to it' }
const faults = errorResponses('internal_error', 'service_unavailable')

/** Where mailed links lead, for callers who are not signed in. */
export const account: FastifyPluginAsyncTypebox<{ config: Config }> = async function account(
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
          'Uses a mailed link up: the address that it was mailed to is now known to be that of the account.',
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
      await database
        .$transaction(async (transaction) => {
          const confirmed = await confirmEmail(request.body.token, transaction)
          if (!confirmed) throw new ServiceError('invalid_link')
          await recordEvent(ownEvent('email_confirmed', confirmed, request), transaction)
        })
        .catch(refuseTaken)
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
          ...errorResponses('mail_disabled'),
          ...validationResponse('email'),
          ...faults,
        },
      },
    },
    async function forgetPassword(request, reply) {
      const { email } = request.body
      const users = await findUsersByEmail(email, database)
      const mails = await database.$transaction(async (transaction) => {
        const [user = null] = users
        const asked = {
          action: 'password_reset_requested',
          outcome: user ? 'ok' : 'failed',
          actor: null,
        } as const
        // An address that is nobody's is recorded too, which takes the same time; the address itself is not.
        await recordEvent(eventOf(asked, user, originOf(request)), transaction)
        return createResetMails(users.length > 0 ? users : [nobody(email)], transaction)
      })
      mails.forEach(app.sendMail)
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
        description: 'Uses a mailed link up: sets another password and ends every log-in of the user.',
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
      const owner = await findTokenOwner(token, 'reset_password', database)
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

  async function createResetMails(users: EmailHolder[], transaction: Transaction): Promise<Mail[]> {
    const mails: Mail[] = []
    for (const { id, username, address } of users) {
      const token = await createMailedToken('reset_password', id, address, transaction)
      if (token) mails.push(resetMail(address, username, token, config.issuer))
    }
    return mails
  }
}

/** Stands in for the holder of an address that is nobody's, so that it takes the same statements. */
function nobody(address: string): EmailHolder {
  return { id: randomUUID(), username: '', address }
}

/** No two users have one address: the database decides who was first. */
function refuseTaken(error: unknown): never {
  throw sqlStateOf(error) === uniqueViolation ? new ServiceError('email_taken') : error
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').headers(pageHeaders).send(page)
}

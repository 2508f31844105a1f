import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import type { Config } from '../config.js'
import { errorResponses, ServiceError, validationResponse } from '../errors.js'
import { eventOf, type Origin, originOf, type SecurityEvent } from '../events/event.js'
import { recordEvent } from '../events/store.js'
import { ref } from '../schema.js'
import { checkPassword, checkUsername } from './checks.js'
import { confirmationMail } from './mails.js'
import { createMailedToken, isInvitation, useInvitation } from './one-time-tokens.js'
import { Accepted, maxUserBytes, Registration } from './schema.js'
import { createUser, type NewUser } from './store.js'

const accepted = { detail: 'If the name is free, the account is there now: log in' }

/** The route by which people get an account, as far as the deployment lets them. */
export const registration: FastifyPluginAsyncTypebox<{ config: Config }> = async function registration(
  app,
  { config },
) {
  const { database } = app

  app.post(
    '/users/',
    {
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'register_user',
        summary: 'Register',
        description:
          'Makes an account. The answer is the same when there is one of that name, or of one that looks like it.',
        tags: ['users'],
        body: ref(Registration),
        response: {
          202: ref(Accepted, { description: 'Accepted' }),
          ...errorResponses('registration_closed', 'invalid_invitation'),
          ...validationResponse('username'),
          ...errorResponses('internal_error', 'service_unavailable'),
        },
      },
    },
    async function registerUser(request, reply) {
      const { body } = request
      await requireAdmission(body.invitation)
      const { username, password, email, full_name: fullName = null } = body
      checkUsername(username)
      await checkPassword('password', password, { username, emails: [email] })
      const hashedPassword = await app.passwords.hash(password)
      const user = {
        username,
        email: null,
        pendingEmail: email ?? null,
        fullName,
        hashedPassword,
        disabled: false,
      }
      const token = await addUser(user, body, originOf(request))
      if (token && email) app.sendMail(confirmationMail(email, username, token, config.issuer))
      return reply.code(202).send(accepted)
    },
  )

  /** @throws ServiceError `registration_closed`, `invalid_invitation` */
  async function requireAdmission(invitation: string | undefined): Promise<void> {
    if (config.registration === 'closed') throw new ServiceError('registration_closed')
    if (config.registration === 'open') return
    if (!invitation || !(await isInvitation(invitation, database)))
      throw new ServiceError('invalid_invitation')
  }

  /**
   * The token that confirms the address, if there is one. When the name is taken the invitation stays good.
   * @throws ServiceError `invalid_invitation`
   */
  async function addUser(
    user: NewUser,
    { invitation = '', email }: Static<typeof Registration>,
    origin: Origin,
  ): Promise<string | null> {
    const macKey = await app.claimNames()
    return database.$transaction(async (transaction) => {
      const id = await createUser(user, macKey, transaction)
      if (id && config.registration === 'invitation' && !(await useInvitation(invitation, transaction)))
        throw new ServiceError('invalid_invitation')
      await recordEvent(registrationEvent(id, user.username, origin), transaction)
      // Nobody's token is none, and takes as long to make.
      return email ? createMailedToken('confirm_email', id ?? randomUUID(), email, transaction) : null
    })
  }
}

/** A name that is taken is recorded too, which takes the same time; whose it is, is not. */
function registrationEvent(id: string | null, username: string, origin: Origin): SecurityEvent {
  const user = id ? { id, username } : null
  const what = {
    action: 'user_registered',
    outcome: user ? 'ok' : 'failed',
    actor: user && username,
  } as const
  return eventOf(what, user, origin)
}

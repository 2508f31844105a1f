import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { eventOf, type NewAuditEvent, type RequestSource, sourceOf } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Config } from '../config/index.js'
import { ServiceError } from '../errors.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref } from '../http/schema.js'
import { checkPassword, checkUsername } from './checks.js'
import { makeConfirmationMails } from './link-mails.js'
import { callerOf, chargeNetwork } from './mail-budget.js'
import { isInvitation, tryInvitation, useInvitation } from './one-time-tokens.js'
import { Accepted, maxUserBytes, Registration } from './user-schema.js'
import { createUser, type NewUser, writeNothing } from './user-store.js'

const accepted = { detail: 'If the name is free, the account is there now: log in' }

/** The route by which people get an account, as far as the deployment lets them. */
export const registrationRoutes: FastifyPluginAsyncTypebox<{ config: Config }> = async function registration(
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
          'Creates an account. The answer is the same when the name, or one that looks like it, is taken.',
        tags: ['users'],
        body: ref(Registration),
        response: {
          202: ref(Accepted, { description: 'Accepted' }),
          ...errorResponses('registration_closed', 'invalid_invitation', 'too_many_attempts'),
          ...validationResponse('username'),
          ...errorResponses('internal_error', 'service_unavailable'),
        },
      },
    },
    async function registerUser(request, reply) {
      const { body } = request
      const origin = sourceOf(request)
      await requireAdmission(body.invitation)
      await chargeNetwork('registration', origin.address, await app.readMacKey(), database)
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
      const id = await addUser(user, body.invitation, origin)
      app.background.run('what follows a registration', callerOf(origin), () => followUp(user, id, origin))
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
   * Adds a user. Returns the id, or null when the name is taken. Then as much is written to the disk, and no lock is
   * waited for that another registration holds: neither the time of one answer nor that of many at once tells.
   *
   * @throws ServiceError `invalid_invitation`
   */
  async function addUser(user: NewUser, invitation = '', origin: RequestSource): Promise<string | null> {
    const macKey = await app.claimNames()
    return database.$transaction(async (transaction) => {
      const isInvited = config.registration === 'invitation'
      if (isInvited && !(await tryInvitation(invitation, transaction)))
        throw new ServiceError('invalid_invitation')
      const id = await createUser(user, macKey, transaction)
      if (id) await recordEvent(registrationEvent({ id, username: user.username }, origin), transaction)
      else await writeNothing(transaction)
      if (id && isInvited) await useInvitation(invitation, transaction)
      return id
    })
  }

  /** Mails the link that confirms the address, or records that the name was taken. */
  async function followUp(
    { pendingEmail }: NewUser,
    id: string | null,
    origin: RequestSource,
  ): Promise<void> {
    if (!id) return recordEvent(registrationEvent(null, origin), database)
    if (!pendingEmail) return
    const context = { issuer: config.issuer, macKey: await app.readMacKey() }
    const mails = await database.$transaction((transaction) =>
      makeConfirmationMails(id, context, transaction),
    )
    mails.forEach(app.sendMail)
  }
}

/** A name that is taken is recorded too; whose it is, is not. */
function registrationEvent(
  user: { id: string; username: string } | null,
  origin: RequestSource,
): NewAuditEvent {
  const what = {
    action: 'user_registered',
    outcome: user ? 'ok' : 'failed',
    actor: user?.username ?? null,
  } as const
  return eventOf(what, user, origin)
}

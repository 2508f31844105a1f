import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { eventOf, type NewAuditEvent, type RequestSource, sourceOf } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Config } from '../config/index.js'
import type { Database } from '../database/client.js'
import { within } from '../database/query.js'
import { InvalidInput, ServiceError } from '../errors.js'
import { callerOf, consumeNetworkBudget } from './mails/mail-budget.js'
import { mailConfirmation } from './mails/mail-confirmation.js'
import { findUsernameProblem } from './names/username.js'
import { requireNewPassword } from './password-rules.js'
import { createUser, type NewUser, simulateCreateUser } from './store/accounts.js'
import { isInvitation, tryInvitation, useInvitation } from './store/invitations.js'
import type { Accepted, Registration } from './user-schema.js'

/** Settings of registration. */
export type RegistrationSettings = Pick<Config, 'registration' | 'issuer'>

/**
 * Creates an account, if the deployment permits it. Neither the response nor its time reveals whether the username was
 * taken.
 */
export async function registerUser(
  app: FastifyInstance,
  request: FastifyRequest,
  { username, password, email, full_name: fullName, invitation = '' }: Static<typeof Registration>,
  { registration, issuer }: RegistrationSettings,
): Promise<Static<typeof Accepted>> {
  const source = sourceOf(request)
  await requireAdmission(registration, invitation, app.database)
  await consumeNetworkBudget('registration', source.address, await app.readMacKey(), app.database)
  requireUsername(username)
  await requireNewPassword('password', password, { username, emails: [email] })
  const user = {
    username,
    email: null,
    pendingEmail: email ?? null,
    fullName: fullName ?? null,
    hashedPassword: await app.passwords.hash(password),
    disabled: false,
  }
  const id = await addUser(app, user, registration === 'invitation' ? invitation : null, source)
  app.background.run('following up a registration', callerOf(source), () =>
    followUp(app, user, id, source, issuer),
  )
  return { detail: 'If the username is available, the account has been created: log in' }
}

/** @throws ServiceError `registration_closed`, `invalid_invitation` */
async function requireAdmission(
  registration: Config['registration'],
  invitation: string,
  database: Database,
): Promise<void> {
  if (registration === 'closed') throw new ServiceError('registration_closed')
  if (registration === 'open') return
  if (!(await isInvitation(invitation, database))) throw new ServiceError('invalid_invitation')
}

/** @throws InvalidInput if the username breaks the rules */
function requireUsername(username: string): void {
  const problem = findUsernameProblem(username)
  if (problem) throw new InvalidInput('body', ['username'], 'username', problem)
}

/**
 * Adds a user and uses up the invitation. If the username is taken, it writes as much to the disk and waits for no lock
 * of another registration, so that neither the time of one response nor that of many concurrent ones reveals it.
 *
 * @returns the id, or null if the username is taken
 * @throws ServiceError `invalid_invitation`
 */
async function addUser(
  app: FastifyInstance,
  user: NewUser,
  invitation: string | null,
  source: RequestSource,
): Promise<string | null> {
  const macKey = await app.claimNames()
  return app.database.$transaction(async (transaction) => {
    if (invitation !== null && !(await tryInvitation(invitation, transaction)))
      throw new ServiceError('invalid_invitation')
    const id = await createUser(user, macKey, transaction)
    if (id === null) {
      await simulateCreateUser(transaction)
      return null
    }
    await recordEvent(registrationEvent({ id, username: user.username }, source), within(transaction))
    if (invitation !== null) await useInvitation(invitation, transaction)
    return id
  })
}

/** Mails the link that confirms the address, or records that the username was taken. */
async function followUp(
  app: FastifyInstance,
  { pendingEmail }: NewUser,
  id: string | null,
  source: RequestSource,
  issuer: string,
): Promise<void> {
  if (id === null) return recordEvent(registrationEvent(null, source), app.database)
  if (pendingEmail) await mailConfirmation(app, id, issuer)
}

/** Returns the event of a registration. One with a taken username is recorded too, without the user who has it. */
function registrationEvent(
  user: { id: string; username: string } | null,
  source: RequestSource,
): NewAuditEvent {
  const outcome = user ? 'ok' : 'failed'
  return eventOf({ action: 'user_registered', outcome, actor: user?.username ?? null }, user, source)
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { ownEvent } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Config } from '../config/index.js'
import type { Transaction } from '../database/client.js'
import type { Mail } from '../email/index.js'
import { ServiceError } from '../errors.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { checkPassword } from './checks.js'
import { decideEmailChange, type EmailChange, noChange } from './email-change.js'
import { type LinkMailContext, makeConfirmationMails } from './link-mails.js'
import { takeMail } from './mail-budget.js'
import { emailChangedMail, emailRemovedMail } from './mails.js'
import { requirePassword } from './require-password.js'
import { maxUserBytes, PasswordChange, User, UserDeletion, UserPatch } from './user-schema.js'
import {
  type CurrentUser,
  changePassword,
  deleteOwnUser,
  findEmails,
  lockEmails,
  updateProfile,
} from './user-store.js'

/** The routes about the current user. Register them in a scope that authenticates one: they serve `request.currentUser`. */
export const userRoutes: FastifyPluginAsyncTypebox<{ config: Config }> = async function users(
  app,
  { config },
) {
  const { database } = app

  app.get(
    '/users/me/',
    {
      config: { scope: 'me' },
      schema: {
        operationId: 'read_users_me_users_me__get',
        summary: 'Read Users Me',
        description: 'The user that the access token was issued to.',
        tags: ['users'],
        response: { 200: ref(User, success) },
      },
    },
    async function readCurrentUser({ currentUser }) {
      return toUser(currentUser)
    },
  )

  app.patch(
    '/users/me/',
    {
      config: { scope: 'me' },
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'update_current_user',
        summary: 'Change the current user',
        description:
          'Changes the name to show, and the e-mail address. Changing or removing the address takes the password, and ' +
          'the confirmed address is notified. A new address counts once the link that is mailed to it has been followed; ' +
          'until then the confirmed one stays in use. Giving an unconfirmed address again, with the password, asks for ' +
          'another mail.',
        tags: ['users'],
        body: ref(UserPatch),
        response: {
          200: ref(User, success),
          ...errorResponses('incorrect_password', 'too_many_attempts'),
          ...validationResponse('password'),
        },
      },
    },
    async function updateCurrentUser(request) {
      const { currentUser, body } = request
      if (body.email) app.requireMail()
      const hash =
        body.email === undefined || body.password === undefined
          ? null
          : await requirePassword(app, 'email_changed', body.password, request)
      const context = { issuer: config.issuer, macKey: await app.readMacKey() }
      const { updated, mails } = await database.$transaction(async (transaction) => {
        const change = await readEmailChange(request, body.email, hash, transaction)
        const profile = {
          ...change.changes,
          ...(body.full_name !== undefined && { fullName: body.full_name }),
        }
        const updated = await updateProfile(currentUser.id, profile, transaction)
        if (!updated) throw new ServiceError('invalid_token')
        return { updated, mails: await makeMails(change, currentUser, context, transaction) }
      })
      mails.forEach(app.sendMail)
      return toUser(updated)
    },
  )

  app.put(
    '/users/me/password',
    {
      config: { scope: 'account:password' },
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'change_password',
        summary: 'Change the password',
        description: 'Sets another password and ends every login of the user, this one too.',
        tags: ['users'],
        body: ref(PasswordChange),
        response: {
          204: Type.Null({ description: 'Changed' }),
          ...errorResponses('incorrect_password', 'too_many_attempts', 'conflict'),
          ...validationResponse('new_password'),
        },
      },
    },
    async function changeOwnPassword(request, reply) {
      const { currentUser, body } = request
      const { old_password: from, new_password: to } = body
      const hash = await requirePassword(app, 'password_changed', from, request)
      const { email, pendingEmail } = await findEmails(currentUser.id, database)
      await checkPassword(
        'new_password',
        to,
        { username: currentUser.username, emails: [email, pendingEmail] },
        from,
      )
      const newHash = await app.passwords.hash(to)
      await database.$transaction(async (transaction) => {
        if (!(await changePassword(currentUser.id, hash, newHash, transaction)))
          throw new ServiceError('conflict')
        await recordEvent(ownEvent('password_changed', currentUser, request), transaction)
      })
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/users/me/',
    {
      config: { scope: 'me' },
      bodyLimit: maxUserBytes,
      schema: {
        operationId: 'delete_current_user',
        summary: 'Delete the current user',
        description: 'Deletes the account with all its items, for good.',
        tags: ['users'],
        body: ref(UserDeletion),
        response: {
          204: Type.Null({ description: 'Deleted' }),
          ...errorResponses('incorrect_password', 'too_many_attempts', 'conflict', 'last_administrator'),
          ...validationResponse('password'),
        },
      },
    },
    async function deleteCurrentUser(request, reply) {
      const { currentUser, body } = request
      const hash = await requirePassword(app, 'user_deleted', body.password, request)
      await database.$transaction(async (transaction) => {
        if (!(await deleteOwnUser(currentUser.id, hash, transaction))) throw new ServiceError('conflict')
        await recordEvent(ownEvent('user_deleted', currentUser, request), transaction)
      })
      return reply.code(204).send(null)
    },
  )

  /**
   * Returns what becomes of the addresses, which it locks, and records it.
   *
   * @param given the address to set, null to remove all
   * @param hash with which the password was compared, or null when none was given
   * @throws ServiceError `invalid_token` when the user is gone or the password has changed
   */
  async function readEmailChange(
    request: FastifyRequest,
    given: string | null | undefined,
    hash: string | null,
    transaction: Transaction,
  ): Promise<EmailChange> {
    const { currentUser } = request
    if (given === undefined) return noChange
    const emails = await lockEmails(currentUser.id, hash, transaction)
    if (!emails) throw new ServiceError('invalid_token')
    const change = decideEmailChange(emails, given, hash !== null)
    if (Object.keys(change.changes).length > 0)
      await recordEvent(ownEvent('email_changed', currentUser, request), transaction)
    return change
  }
}

/** Returns the mails about a change of addresses that has been written in the same transaction. */
async function makeMails(
  { toConfirm, toNotify }: EmailChange,
  { id, username }: CurrentUser,
  context: LinkMailContext,
  transaction: Transaction,
): Promise<Mail[]> {
  if (toConfirm === null) return toNotify === null ? [] : [emailRemovedMail(toNotify, username)]
  const confirmations = await makeConfirmationMails(id, context, transaction)
  // Of changes without end the confirmed address is told a few times.
  const recipient = toNotify !== null && { userId: id, address: toNotify }
  const isTold = recipient && (await takeMail('email_changed', recipient, context.macKey, transaction))
  return isTold ? [...confirmations, emailChangedMail(recipient.address, username)] : confirmations
}

function toUser({ username, email, fullName, disabled }: CurrentUser): Static<typeof User> {
  return { username, email, full_name: fullName, disabled }
}

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Config } from '../config.js'
import type { Transaction } from '../database/index.js'
import { errorResponses, ServiceError, validationResponse } from '../errors.js'
import { type Action, ownEvent } from '../events/event.js'
import { recordEvent } from '../events/store.js'
import type { Mail } from '../mail/index.js'
import { ref, success } from '../schema.js'
import { checkPassword } from './checks.js'
import { confirmationMail, emailChangedMail } from './mails.js'
import { createMailedToken } from './one-time-tokens.js'
import { maxUserBytes, PasswordChange, User, UserDeletion, UserPatch } from './schema.js'
import {
  type CurrentUser,
  changePassword,
  deleteOwnUser,
  findCredentials,
  findEmails,
  updateProfile,
} from './store.js'

/** The routes about the current user. Register them in a scope that authenticates one: they serve `request.currentUser`. */
export const users: FastifyPluginAsyncTypebox<{ config: Config }> = async function users(app, { config }) {
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
          'Changes the name to show, and the e-mail address. Another address counts once the link that is mailed to it ' +
          'has been followed; until then the one before goes on being used for mail.',
        tags: ['users'],
        body: ref(UserPatch),
        response: { 200: ref(User, success), ...validationResponse('email') },
      },
    },
    async function updateCurrentUser(request) {
      const { currentUser, body } = request
      if (body.email) app.requireMail()
      const { updated, mails } = await database.$transaction(async (transaction) => {
        const mails = body.email ? await createEmailMails(currentUser, body.email, transaction) : []
        const updated = await updateProfile(currentUser.id, toChanges(body), transaction)
        if (!updated) throw new ServiceError('invalid_token')
        if (body.email !== undefined)
          await recordEvent(ownEvent('email_changed', currentUser, request), transaction)
        return { updated, mails }
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
        description: 'Sets another password and ends every log-in of the user, this one too.',
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
      const hash = await requirePassword('password_changed', from, request)
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
      const hash = await requirePassword('user_deleted', body.password, request)
      await database.$transaction(async (transaction) => {
        if (!(await deleteOwnUser(currentUser.id, hash, transaction))) throw new ServiceError('conflict')
        await recordEvent(ownEvent('user_deleted', currentUser, request), transaction)
      })
      return reply.code(204).send(null)
    },
  )

  /** To the new address the link that confirms it, to the one before a word of warning. */
  async function createEmailMails(
    { id, username }: CurrentUser,
    email: string,
    transaction: Transaction,
  ): Promise<Mail[]> {
    const { email: former } = await findEmails(id, transaction)
    const token = await createMailedToken('confirm_email', id, email, transaction)
    return [
      ...(token ? [confirmationMail(email, username, token, config.issuer)] : []),
      ...(former ? [emailChangedMail(former, username)] : []),
    ]
  }

  /** The hash that the password was compared with. @throws ServiceError `incorrect_password` */
  async function requirePassword(action: Action, password: string, request: FastifyRequest): Promise<string> {
    const { currentUser } = request
    const { username } = currentUser
    app.passwords.requireRoom()
    const credentials = await findCredentials(username, database)
    const guess = { username, password, hash: credentials?.hashedPassword, address: request.clientAddress }
    const isCorrect = await app.passwords.check(guess)
    if (!credentials || !isCorrect) {
      await recordEvent(ownEvent(action, currentUser, request, 'failed'), database)
      throw new ServiceError('incorrect_password')
    }
    return credentials.hashedPassword
  }
}

function toUser({ username, email, fullName, disabled }: CurrentUser): Static<typeof User> {
  return { username, email, full_name: fullName, disabled }
}

function toChanges({ full_name: fullName, email }: Static<typeof UserPatch>) {
  return {
    ...(fullName !== undefined && { fullName }),
    ...(email !== undefined && { pendingEmail: email }),
    ...(email === null && { email }),
  }
}

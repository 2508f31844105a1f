import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { type Action, eventOf, sourceOf } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import type { Transaction } from '../database/client.js'
import { InvalidInput, ServiceError } from '../errors.js'
import { decodeCursor, encodeCursor, nextLink } from '../http/cursor.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { cutPage, readLimit } from '../http/page.js'
import { ref, success } from '../http/schema.js'
import { createInvitation } from './one-time-tokens.js'
import { requirePassword } from './require-password.js'
import {
  Invitation,
  ManagedUser,
  ManagedUserPatch,
  maxUserBytes,
  UserAddress,
  UserQuery,
  UserRemoval,
} from './user-schema.js'
import {
  deleteOwnUser,
  deleteUser,
  findManagedUser,
  listUsers,
  type StoredUser,
  updateUser,
} from './user-store.js'

/** The routes for administrators of users. Register them in a scope that authenticates a user. */
export const administrationRoutes: FastifyPluginAsyncTypebox = async function administration(app) {
  const { database } = app
  const one = '/users/:username([^/]+)/'
  const common = { config: { scope: 'users:admin' }, bodyLimit: maxUserBytes }

  app.get(
    '/users/',
    {
      ...common,
      preValidation: readLimit,
      schema: {
        operationId: 'list_users',
        summary: 'List users',
        description:
          'Users by their names. Where there are more than `limit`, the header `Link` has the next page.',
        tags: ['administration'],
        querystring: UserQuery,
        response: { 200: Type.Array(ref(ManagedUser), success), ...validationResponse('limit', 'query') },
      },
    },
    async function listAllUsers({ query, url }, reply) {
      const { limit, cursor, name_prefix: namePrefix, state } = query
      const after = cursor === undefined ? undefined : decodeCursor(cursor, 'username')
      const disabled = state === undefined ? undefined : state === 'disabled'
      const found = await listUsers({ limit: limit + 1, after: after?.value, namePrefix, disabled }, database)
      const { page: users, last } = cutPage(found, limit)
      if (last) {
        const next = encodeCursor({ sort: 'username', value: last.username, id: last.id })
        reply.header('link', nextLink(url, next))
      }
      return users.map(toManagedUser)
    },
  )

  app.get(
    one,
    {
      ...common,
      schema: {
        operationId: 'read_user',
        summary: 'Read a user',
        description: 'One user as administrators see one.',
        tags: ['administration'],
        params: UserAddress,
        response: {
          200: ref(ManagedUser, success),
          ...errorResponses('not_found'),
          ...validationResponse('username', 'path'),
        },
      },
    },
    async function readUser({ params }) {
      return toManagedUser(found(await findManagedUser(params.username, database)))
    },
  )

  app.patch(
    one,
    {
      ...common,
      schema: {
        operationId: 'update_user',
        summary: 'Change a user',
        description:
          'Locks a user out or lets them in again, requires another password, sets scopes. The last administrator cannot be ' +
          'removed.',
        tags: ['administration'],
        params: UserAddress,
        body: ref(ManagedUserPatch),
        response: {
          200: ref(ManagedUser, success),
          ...errorResponses('not_found', 'last_administrator'),
          ...validationResponse('scopes'),
        },
      },
    },
    async function changeUser(request) {
      const { params, body } = request
      const { disabled, password_change_required: passwordChangeRequired, scopes } = body
      const changes = {
        ...(disabled !== undefined && { disabled }),
        ...(passwordChangeRequired !== undefined && { passwordChangeRequired }),
        ...(scopes !== undefined && { scopes }),
      }
      const user = await database.$transaction(async (transaction) => {
        const updated = found(await updateUser(params.username, changes, transaction))
        for (const action of actionsOf(body)) await record(action, updated, request, transaction)
        return updated
      })
      return toManagedUser(user)
    },
  )

  app.delete(
    one,
    {
      ...common,
      preValidation: acceptNoBody,
      schema: {
        operationId: 'delete_user',
        summary: 'Delete a user',
        description:
          'Deletes a user with all their items, for good. Administrators who delete themselves have to give their ' +
          'password. The last administrator cannot be removed.',
        tags: ['administration'],
        params: UserAddress,
        body: ref(UserRemoval),
        response: {
          204: Type.Null({ description: 'Deleted' }),
          ...errorResponses(
            'incorrect_password',
            'too_many_attempts',
            'not_found',
            'conflict',
            'last_administrator',
          ),
          ...validationResponse('password'),
        },
      },
    },
    async function removeUser(request, reply) {
      const { params, body, currentUser } = request
      const { username } = params
      const hash = username === currentUser.username ? await requireOwnPassword(body.password, request) : null
      await database.$transaction(async (transaction) => {
        const user = found(await findManagedUser(username, transaction))
        const isDeleted =
          hash === null
            ? await deleteUser(username, transaction)
            : await deleteOwnUser(user.id, hash, transaction)
        if (!isDeleted) throw new ServiceError('conflict')
        await record('user_deleted', user, request, transaction)
      })
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/invitations/',
    {
      ...common,
      schema: {
        operationId: 'create_invitation',
        summary: 'Create an invitation',
        description: 'Creates an invitation with which one person can register.',
        tags: ['administration'],
        response: { 201: ref(Invitation, success) },
      },
    },
    async function invite(request, reply) {
      const invitation = await database.$transaction(async (transaction) => {
        await record('invitation_created', null, request, transaction)
        const created = await createInvitation(request.currentUser.id, transaction)
        if (!created) throw new ServiceError('invalid_token')
        return created
      })
      return reply.code(201).send({ invitation })
    },
  )

  /** @throws InvalidInput when it is missing, ServiceError when it is wrong */
  async function requireOwnPassword(password: string | undefined, request: FastifyRequest): Promise<string> {
    if (password === undefined) throw new InvalidInput('body', ['password'], 'missing', 'Field required')
    return requirePassword(app, 'user_deleted', password, request)
  }
}

/** Lets a request without a body pass for one with an empty object. */
async function acceptNoBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

/** What a patch does, as events name it. */
function actionsOf({
  disabled,
  password_change_required: forced,
  scopes,
}: Static<typeof ManagedUserPatch>): Action[] {
  return [
    ...(disabled === undefined ? [] : [disabled ? ('user_disabled' as const) : ('user_enabled' as const)]),
    ...(forced === true ? ['password_change_forced' as const] : []),
    ...(scopes === undefined ? [] : ['scopes_changed' as const]),
  ]
}

/** Records what an administrator did to a user. */
function record(
  action: Action,
  user: StoredUser | null,
  request: FastifyRequest,
  database: Transaction,
): Promise<void> {
  const { username: actor } = request.currentUser
  return recordEvent(eventOf({ action, outcome: 'ok', actor }, user, sourceOf(request)), database)
}

/** @throws ServiceError `not_found` */
function found(user: StoredUser | null): StoredUser {
  if (!user) throw new ServiceError('not_found')
  return user
}

function toManagedUser(user: StoredUser): Static<typeof ManagedUser> {
  return {
    username: user.username,
    full_name: user.fullName,
    disabled: user.disabled,
    password_change_required: user.passwordChangeRequired,
    scopes: user.scopes as Static<typeof ManagedUser>['scopes'],
    created_at: user.createdAt.toISOString(),
  }
}

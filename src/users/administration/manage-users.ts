import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { type AuditAction, administratorEvent } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import type { Database } from '../../database/client.js'
import { within } from '../../database/query.js'
import { InvalidInput, ServiceError } from '../../errors.js'
import { decodeCursor, encodeCursor } from '../../http/cursor.js'
import { cutPage } from '../../http/page.js'
import { createInvitation } from '../store/invitations.js'
import {
  findManagedUser,
  isEmailVerified,
  listUsers,
  type StoredUser,
  updateUser,
} from '../store/managed-users.js'
import { findUnknownScopes } from '../store/scopes.js'
import type { ManagedUser, ManagedUserPatch, UserQuery } from './managed-user-schema.js'

/** Returns a page of the list of users, and the cursor of the next page if there is one. */
export async function listManagedUsers(
  { limit, cursor, name_prefix: namePrefix, state }: Static<typeof UserQuery>,
  database: Database,
): Promise<{ users: Static<typeof ManagedUser>[]; nextCursor: string | undefined }> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, 'username').value
  const disabled = state === undefined ? undefined : state === 'disabled'
  const found = await listUsers({ limit: limit + 1, after, namePrefix, disabled }, database)
  const { page, last } = cutPage(found, limit)
  return {
    users: page.map(toManagedUser),
    nextCursor: last && encodeCursor({ sort: 'username', value: last.username, id: last.id }),
  }
}

/** @throws ServiceError `not_found` */
export async function readManagedUser(
  username: string,
  database: Database,
): Promise<Static<typeof ManagedUser>> {
  return toManagedUser(requireFound(await findManagedUser(username, database)))
}

/** Changes a user as an administrator. @throws ServiceError `not_found`; InvalidInput for an unknown scope */
export async function changeManagedUser(
  username: string,
  patch: Static<typeof ManagedUserPatch>,
  request: FastifyRequest,
  database: Database,
): Promise<Static<typeof ManagedUser>> {
  const { disabled, password_change_required: passwordChangeRequired, scopes } = patch
  const changes = {
    ...(disabled !== undefined && { disabled }),
    ...(passwordChangeRequired !== undefined && { passwordChangeRequired }),
    ...(scopes !== undefined && { scopes }),
  }
  const user = await database.$transaction(async (transaction) => {
    const [unknown] = await findUnknownScopes(scopes ?? [], transaction)
    if (unknown !== undefined)
      throw new InvalidInput('body', ['scopes'], 'unknown_scope', `The scope ${unknown} does not exist`)
    const updated = requireFound(await updateUser(username, changes, transaction))
    for (const action of actionsOf(patch))
      await recordEvent(
        administratorEvent(action, updated, request.currentUser, request),
        within(transaction),
      )
    return updated
  })
  return toManagedUser(user)
}

/** Creates an invitation for one person to register. @throws ServiceError `invalid_token` if the user may not invite */
export async function inviteUser(request: FastifyRequest, database: Database): Promise<string> {
  const { currentUser } = request
  return database.$transaction(async (transaction) => {
    await recordEvent(
      administratorEvent('invitation_created', null, currentUser, request),
      within(transaction),
    )
    const invitation = await createInvitation(currentUser.id, transaction)
    if (invitation === null) throw new ServiceError('invalid_token')
    return invitation
  })
}

/** @throws ServiceError `not_found` */
export function requireFound(user: StoredUser | null): StoredUser {
  if (!user) throw new ServiceError('not_found')
  return user
}

/** Returns the actions of a patch, as audit events name them. */
function actionsOf(patch: Static<typeof ManagedUserPatch>): AuditAction[] {
  const actions: AuditAction[] = []
  if (patch.disabled !== undefined) actions.push(patch.disabled ? 'user_disabled' : 'user_enabled')
  if (patch.password_change_required === true) actions.push('password_change_forced')
  if (patch.scopes !== undefined) actions.push('scopes_changed')
  return actions
}

/** Returns a user as administrators see them. */
export function toManagedUser(user: StoredUser): Static<typeof ManagedUser> {
  return {
    username: user.username,
    email_verified: isEmailVerified(user),
    full_name: user.fullName,
    disabled: user.disabled,
    password_change_required: user.passwordChangeRequired,
    scopes: user.scopes,
    roles: user.roles,
    created_at: user.createdAt.toISOString(),
  }
}

import type { FastifyRequest } from 'fastify'

/** What can happen that matters to security. */
export const actions = [
  ...['login', 'refresh_reuse', 'tokens_revoked'],
  ...[
    'user_registered',
    'user_created',
    'user_deleted',
    'user_disabled',
    'user_enabled',
    'invitation_created',
  ],
  ...['password_changed', 'password_change_forced', 'password_reset_requested', 'password_reset'],
  ...['email_changed', 'email_confirmed', 'scopes_changed'],
  ...['client_created', 'client_deleted', 'client_disabled', 'client_enabled', 'client_secret_rotated'],
  ...['client_authentication', 'client_rights_changed'],
  ...['keys_rotated', 'key_retired'],
] as const

/** What happened. */
export type Action = (typeof actions)[number]

/** Where a request came from. */
export interface RequestSource {
  address: string | null
  requestId: string | null
}

/** Something that matters to security. It holds no secret. */
export interface NewAuditEvent extends RequestSource {
  action: Action
  outcome: 'ok' | 'failed'
  /** The `sub` of the user or client that did it, or `cli` for the command line; null when it is not known. */
  actor: string | null
  /** The user, by name, or the client it was done to, as a `sub`. Never a name that is nobody's: people mistype. */
  subject: string | null
  /** The user among them, who may read of it. */
  userId: string | null
}

/** Where a request came from. */
export function sourceOf({ clientAddress, id }: FastifyRequest): RequestSource {
  return { address: clientAddress, requestId: id }
}

/** What happened to a user; null where it is nobody's name or address. */
export function eventOf(
  what: Pick<NewAuditEvent, 'action' | 'outcome' | 'actor'>,
  user: { id: string; username: string } | null,
  origin: RequestSource,
): NewAuditEvent {
  return { ...what, subject: user?.username ?? null, userId: user?.id ?? null, ...origin }
}

/** Returns the event of what a user did to their own account, or tried to. */
export function ownEvent(
  action: Action,
  user: { id: string; username: string },
  request: FastifyRequest,
  outcome: NewAuditEvent['outcome'] = 'ok',
): NewAuditEvent {
  return eventOf({ action, outcome, actor: user.username }, user, sourceOf(request))
}

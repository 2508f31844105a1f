import type { FastifyRequest } from 'fastify'

/** Actions that are relevant to security. */
export const auditActions = [
  'login',
  'refresh_reuse',
  'tokens_revoked',
  'user_registered',
  'user_created',
  'user_deleted',
  'user_disabled',
  'user_enabled',
  'invitation_created',
  'password_changed',
  'password_change_forced',
  'password_reset_requested',
  'password_reset',
  'email_changed',
  'email_confirmed',
  'scopes_changed',
  'client_created',
  'client_changed',
  'client_deleted',
  'client_disabled',
  'client_enabled',
  'client_secret_rotated',
  'client_secrets_removed',
  'client_keys_changed',
  'client_trust_added',
  'client_trust_removed',
  'client_authentication',
  'client_rights_changed',
  'resource_created',
  'resource_changed',
  'resource_disabled',
  'resource_enabled',
  'resource_deleted',
  'scopes_adopted',
  'role_created',
  'role_changed',
  'role_deleted',
  'role_granted',
  'role_revoked',
  'keys_rotated',
  'key_retired',
  'webhook_created',
  'webhook_changed',
  'webhook_disabled',
  'webhook_enabled',
  'webhook_deleted',
  'webhook_secret_rotated',
  'backup_restored',
] as const

export type AuditAction = (typeof auditActions)[number]

/** Source of a request. */
export interface RequestSource {
  /** Network address of the client. */
  address: string | null
  requestId: string | null
}

/** An event that is relevant to security. It contains no secrets. */
export interface NewAuditEvent extends RequestSource {
  action: AuditAction
  outcome: 'ok' | 'failed'
  /** `sub` of the user or client that acted, or `cli` for the command line; null if unknown. */
  actor: string | null
  /**
   * Username, client's `sub`, resource, role or webhook that the action was about. Never an unknown name: people mistype, and what they typed
   * may be a password.
   */
  subject: string | null
  /** Id of the user that the action was about, who may read the event. */
  userId: string | null
}

/** Returns the source of a request. */
export function sourceOf({ clientAddress, id }: FastifyRequest): RequestSource {
  return { address: clientAddress, requestId: id }
}

/** Returns the event of an action about a user; null stands for an unknown username or address. */
export function eventOf(
  what: Pick<NewAuditEvent, 'action' | 'outcome' | 'actor'>,
  user: { id: string; username: string } | null,
  source: RequestSource,
): NewAuditEvent {
  return { ...what, subject: user?.username ?? null, userId: user?.id ?? null, ...source }
}

/** Returns the event of an action or a failed attempt of a user on their own account. */
export function ownEvent(
  action: AuditAction,
  user: { id: string; username: string },
  request: FastifyRequest,
  outcome: NewAuditEvent['outcome'] = 'ok',
): NewAuditEvent {
  return eventOf({ action, outcome, actor: user.username }, user, sourceOf(request))
}

/** Returns the event of an administrator's action, which may be about a user. */
export function administratorEvent(
  action: AuditAction,
  user: { id: string; username: string } | null,
  administrator: { username: string },
  request: FastifyRequest,
): NewAuditEvent {
  return eventOf({ action, outcome: 'ok', actor: administrator.username }, user, sourceOf(request))
}

/** Returns the event of an administrator's action on a resource or a role. */
export function administratorOperation(
  action: AuditAction,
  subject: string,
  administrator: { username: string },
  request: FastifyRequest,
): NewAuditEvent {
  const { username: actor } = administrator
  return { action, outcome: 'ok', actor, subject, userId: null, ...sourceOf(request) }
}

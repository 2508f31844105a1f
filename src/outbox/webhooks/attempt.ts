import type { Static } from 'typebox'
import type { AuditEvent } from '../../audit/event-schema.js'
import { post } from '../../http/safe-fetch/post.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { SealingKeys } from '../../sealing/sealing-keys.js'
import type { Attempt } from '../lease.js'
import { eventMessage, type Message, type MessageIdentity, testMessage, toRequest } from './message.js'
import { openSecrets, type SealedSecrets } from './secrets.js'

/** A webhook as an attempt needs it. */
export interface Endpoint extends SealedSecrets {
  name: string
  url: string
  ca: string | null
}

/** Settings of all attempts. */
export interface AttemptSettings {
  sealingKeys: SealingKeys
  /** Hosts that may be in a private network, and may be called without TLS. */
  internalHosts: readonly string[]
}

/** Outcome of an attempt. `gone` stands for an endpoint that wants no further messages. */
export type Outcome =
  | { kind: 'delivered' }
  | { kind: 'failed' | 'gone'; reason: string; retryAfterSeconds: number }

/** Status of an endpoint that is permanently gone (RFC 9110 §15.5.11). */
const goneStatus = 410

/** Sends a message about an audit event to an endpoint. Never throws. */
export function attemptDelivery(
  { id, at, payload }: Attempt,
  endpoint: Endpoint,
  settings: AttemptSettings,
): Promise<Outcome> {
  const message = eventMessage(payload as Static<typeof AuditEvent>)
  return send(message, { id, timestamp: at }, endpoint, settings)
}

/** Sends a message for trying out an endpoint. Never throws. @param at time (seconds since 1970) */
export function attemptTest(
  id: string,
  at: number,
  endpoint: Endpoint,
  settings: AttemptSettings,
): Promise<Outcome> {
  return send(testMessage(at), { id, timestamp: at }, endpoint, settings)
}

async function send(
  message: Message,
  identity: MessageIdentity,
  endpoint: Endpoint,
  { sealingKeys, internalHosts }: AttemptSettings,
): Promise<Outcome> {
  try {
    const request = toRequest(message, identity, openSecrets(endpoint, sealingKeys))
    const { status, retryAfterSeconds } = await post({ ...endpoint, internalHosts }, request)
    if (isSuccess(status)) return { kind: 'delivered' }
    const reason = `the response has the status ${status}`
    return { kind: status === goneStatus ? 'gone' : 'failed', reason, retryAfterSeconds }
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error as Error), retryAfterSeconds: 0 }
  }
}

/** Returns whether a response is successful (RFC 9110 §15.3). */
function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

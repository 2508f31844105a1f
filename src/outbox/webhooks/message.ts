import type { Static } from 'typebox'
import type { AuditEvent } from '../../audit/event-schema.js'
import { type SignedContent, signedHeaders } from './signature.js'

/** A message as the receiver gets it (Standard Webhooks, "Payload structure"). */
export interface Message {
  type: string
  /** Time of the cause (RFC 3339). */
  timestamp: string
  data: object
}

/** What is signed together with the body: the id of the message, and the time of the attempt. */
export type MessageIdentity = Omit<SignedContent, 'body'>

/** Returns the message about an audit event, whose row the trigger `send_events` has stored. */
export function eventMessage(row: Static<typeof AuditEvent>): Message {
  const created_at = toTime(row.created_at)
  const last_at = toTime(row.last_at)
  return { type: `audit.${row.action}`, timestamp: last_at, data: { ...row, created_at, last_at } }
}

/** Returns a message for trying out an endpoint. @param at time (seconds since 1970) */
export function testMessage(at: number): Message {
  return { type: 'webhook.test', timestamp: new Date(at * 1_000).toISOString(), data: {} }
}

/** Returns the request that delivers a message. @param secrets the current one first; each of them signs */
export function toRequest(
  message: Message,
  { id, timestamp }: MessageIdentity,
  secrets: string[],
): { headers: Record<string, string>; body: string } {
  const body = JSON.stringify(message)
  return { headers: signedHeaders({ id: `msg_${id}`, timestamp, body }, secrets), body }
}

function toTime(stored: string): string {
  return new Date(stored).toISOString()
}

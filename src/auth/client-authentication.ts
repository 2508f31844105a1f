import { isUtf8 } from 'node:buffer'
import type { NewAuditEvent, RequestSource } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { ServiceError } from '../errors.js'
import type { AuthContext } from './context.js'
import { loadClient } from './current.js'
import { isLockedOut } from './effective.js'
import { digestClientSecret, isSameDigest } from './secrets.js'
import { type Client, noteSecretUse } from './store/clients.js'
import { clientSubject } from './subject.js'

/** What a client calls itself, and how it proves it. */
interface ClientCredentials {
  clientId: string
  secret: string | undefined
}

/** Where a request names its client: the header, or these parameters of its form. */
export interface ClientRequest {
  authorization: string | undefined
  client_id?: string | undefined
  client_secret?: string | undefined
}

/**
 * The client that a request authenticates as, or for a public one names (RFC 6749 §2.3), or null when it names none.
 *
 * @throws ServiceError `invalid_client` when there is no such client, it is disabled, or the secret is not one of its own;
 * `ambiguous_client` when there are credentials in the header and in the form
 */
export async function authenticateClient(
  request: ClientRequest,
  context: AuthContext,
  origin: RequestSource,
): Promise<Client | null> {
  const credentials = readCredentials(request)
  if (!credentials) return null
  const client = await loadClient(credentials.clientId, context)
  const digest = digestClientSecret(credentials.secret ?? '', await context.readMacKey())
  const secret = client?.secrets.find((known) => isSameDigest(known.digest, digest))
  const isPublic = client?.confidential === false && credentials.secret === undefined
  if (!client || isLockedOut(client) || !(secret || isPublic)) {
    await recordEvent(failureOf(client, origin), context.database)
    throw new ServiceError('invalid_client')
  }
  if (secret) await noteSecretUse(secret, context.database)
  return client
}

/** An id that no client has is not kept: all failures with such ids are counted together. */
function failureOf(client: Client | null, origin: RequestSource): NewAuditEvent {
  const subject = client && clientSubject(client.clientId)
  return { action: 'client_authentication', outcome: 'failed', actor: null, subject, userId: null, ...origin }
}

/** RFC 6749 §2.3: never more than one way of authentication. An empty header is none: Swagger UI sends that. */
function readCredentials({
  authorization,
  client_id,
  client_secret,
}: ClientRequest): ClientCredentials | null {
  const basic = readBasic(authorization)
  if (!basic || (basic.clientId === '' && basic.secret === undefined))
    return client_id === undefined && client_secret === undefined
      ? null
      : { clientId: client_id ?? '', secret: client_secret }
  const isAmbiguous = client_secret !== undefined || (client_id !== undefined && client_id !== basic.clientId)
  if (isAmbiguous) throw new ServiceError('ambiguous_client')
  return basic
}

/** RFC 7617 §2, RFC 6749 §2.3.1: base64 of the id and the secret, each form-url-encoded, with a colon between. */
function readBasic(authorization = ''): ClientCredentials | null {
  if (!/^basic( |$)/i.test(authorization)) return null
  const bytes = Buffer.from(authorization.slice('basic '.length), 'base64')
  const [clientId, secret] = bytes.toString().split(/:(.*)/s)
  if (!isUtf8(bytes) || clientId === undefined || secret === undefined)
    throw new ServiceError('invalid_client')
  return { clientId: decodeFormText(clientId), secret: decodeFormText(secret) || undefined }
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new ServiceError('invalid_client')
  }
}

import { isUtf8 } from 'node:buffer'
import type { NewAuditEvent, RequestSource } from '../audit/event.js'
import { recordEvent } from '../audit/event-store.js'
import { ServiceError } from '../errors.js'
import type { AuthContext } from './context.js'
import { loadClient } from './current.js'
import { isDisabled } from './effective.js'
import { digestClientSecret, isSameDigest } from './secrets.js'
import { type Client, noteSecretUse } from './store/clients.js'
import { clientSubject } from './subject.js'

/** Client credentials. Those of a public client have no secret. */
interface ClientCredentials {
  clientId: string
  secret: string | undefined
}

/** Parts of a request that can name its client: the Authorization header and two parameters of the form. */
export interface ClientRequest {
  authorization: string | undefined
  client_id?: string | undefined
  client_secret?: string | undefined
}

/**
 * Returns the client that a request authenticates as (RFC 6749 §2.3), or null when it names none. A public client only
 * has to name itself.
 *
 * @throws ServiceError `invalid_client` when the client is unknown or disabled, or the secret is wrong; `ambiguous_client`
 * when there are credentials in the header and in the form
 */
export async function authenticateClient(
  request: ClientRequest,
  context: AuthContext,
  source: RequestSource,
): Promise<Client | null> {
  const credentials = readCredentials(request)
  if (!credentials) return null
  const client = await loadClient(credentials.clientId, context)
  const digest = digestClientSecret(credentials.secret ?? '', await context.readMacKey())
  const secret = client?.secrets.find((known) => isSameDigest(known.digest, digest))
  const isPublic = client?.confidential === false && credentials.secret === undefined
  if (!client || isDisabled(client) || !(secret || isPublic)) {
    await recordEvent(failureOf(client, source), context.database)
    throw new ServiceError('invalid_client')
  }
  if (secret) await noteSecretUse(secret, context.database)
  return client
}

/** Returns the audit event of a failure. It does not record an unknown client id: such failures are counted together. */
function failureOf(client: Client | null, source: RequestSource): NewAuditEvent {
  const subject = client && clientSubject(client.clientId)
  return { action: 'client_authentication', outcome: 'failed', actor: null, subject, userId: null, ...source }
}

/**
 * Reads the credentials of one authentication method, as a request must not use more than one (RFC 6749 §2.3). Empty
 * Basic credentials count as none: Swagger UI sends them when its fields are left empty.
 */
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

/** Reads Basic credentials: base64 of the id and the secret, form-url-encoded, with a colon between (RFC 6749 §2.3.1). */
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

import type { NewAuditEvent, RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { ServiceError } from '../../errors.js'
import type { AuthContext } from '../context.js'
import { loadClient } from '../current.js'
import { isDisabled } from '../effective.js'
import type { Client } from '../store/clients.js'
import { clientSubject } from '../subject.js'
import { verifyAssertion } from './assertion.js'
import { type ClientCredentials, type ClientRequest, readCredentials } from './credentials.js'
import { verifySecret } from './secret.js'
import { verifyWorkload } from './workload.js'

/**
 * Returns the client that a request authenticates as (RFC 6749 §2.3), or null when it names none. A public client only
 * has to name itself.
 *
 * @throws ServiceError `invalid_client` when the client is unknown or disabled, or its secret or assertion is refused;
 * `ambiguous_client` when the request uses more than one method; `invalid_parameter` when half of an assertion is missing
 */
export async function authenticateClient(
  request: ClientRequest,
  context: AuthContext,
  source: RequestSource,
): Promise<Client | null> {
  const credentials = readCredentials(request)
  if (!credentials) return null
  const known = await loadClient(credentials.clientId, context)
  const client = known && !isDisabled(known) ? known : null
  const isAuthenticated = await verifyCredentials(credentials, client, context)
  if (client && isAuthenticated) return client
  await recordEvent(failureOf(known, source), context.database)
  throw new ServiceError('invalid_client')
}

/** Returns whether the credentials are those of the client. Null, for a client that is unknown or disabled, takes as much work. */
function verifyCredentials(
  credentials: ClientCredentials,
  client: Client | null,
  context: AuthContext,
): Promise<boolean> {
  switch (credentials.method) {
    case 'secret':
      return verifySecret(credentials, client, context)
    case 'assertion':
      return verifyAssertion(credentials, client, context)
    case 'workload':
      return verifyWorkload(credentials, client, context)
  }
}

/** Returns the audit event of a failure. It does not record an unknown client id: such failures are counted together. */
function failureOf(client: Client | null, source: RequestSource): NewAuditEvent {
  const subject = client && clientSubject(client.clientId)
  return { action: 'client_authentication', outcome: 'failed', actor: null, subject, userId: null, ...source }
}

import { isUtf8 } from 'node:buffer'
import { ServiceError } from '../../errors.js'
import { type Jws, parseJws } from './jws.js'

/** A client id and, unless the client is public, its secret. */
export interface SecretCredentials {
  method: 'secret'
  clientId: string
  secret: string | undefined
}

/** A client id and an assertion: the client's own (RFC 7523 §2.2), or a token that a platform issued to a workload. */
export interface AssertionCredentials {
  method: 'assertion' | 'workload'
  clientId: string
  jws: Jws
}

export type ClientCredentials = SecretCredentials | AssertionCredentials

/** Parts of a request that can name its client: the Authorization header and parameters of the form. */
export interface ClientRequest {
  authorization: string | undefined
  client_id?: string | undefined
  client_secret?: string | undefined
  client_assertion?: string | undefined
  client_assertion_type?: string | undefined
}

/** The only `client_assertion_type` (RFC 7523 §2.2). */
export const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * Reads the credentials of one authentication method, as a request must not use more than one (RFC 6749 §2.3). Returns null
 * when there are none. Empty Basic credentials count as none: Swagger UI sends them when its fields are left empty.
 */
export function readCredentials(request: ClientRequest): ClientCredentials | null {
  const { authorization, client_id, client_secret } = request
  const basic = readBasic(authorization)
  const isBasic = basic !== null && (basic.clientId !== '' || basic.secret !== undefined)
  const assertion = readAssertion(request)
  if ([isBasic, assertion !== null, client_secret !== undefined].filter(Boolean).length > 1)
    throw new ServiceError('ambiguous_client')
  if (assertion) return assertion
  if (!isBasic)
    return client_id === undefined && client_secret === undefined
      ? null
      : { method: 'secret', clientId: client_id ?? '', secret: client_secret }
  if (client_id !== undefined && client_id !== basic.clientId) throw new ServiceError('ambiguous_client')
  return basic
}

/**
 * Reads an assertion (RFC 7521 §4.2). It is the client's own if the client issued it. Without a `client_id` its subject names
 * the client.
 */
function readAssertion({
  client_id,
  client_assertion,
  client_assertion_type,
}: ClientRequest): AssertionCredentials | null {
  if (client_assertion === undefined && client_assertion_type === undefined) return null
  if (client_assertion === undefined || client_assertion_type === undefined)
    throw new ServiceError('invalid_parameter')
  const jws = client_assertion_type === jwtBearer ? parseJws(client_assertion) : null
  if (!jws) throw new ServiceError('invalid_client')
  const clientId = client_id ?? jws.payload.sub
  if (typeof clientId !== 'string') throw new ServiceError('invalid_client')
  return { method: jws.payload.iss === clientId ? 'assertion' : 'workload', clientId, jws }
}

/** Reads Basic credentials: base64 of the id and the secret, form-url-encoded, with a colon between (RFC 6749 §2.3.1). */
function readBasic(authorization = ''): SecretCredentials | null {
  if (!/^basic( |$)/i.test(authorization)) return null
  const bytes = Buffer.from(authorization.slice('basic '.length), 'base64')
  const [clientId, secret] = bytes.toString().split(/:(.*)/s)
  if (!isUtf8(bytes) || clientId === undefined || secret === undefined)
    throw new ServiceError('invalid_client')
  return {
    method: 'secret',
    clientId: decodeFormText(clientId),
    secret: decodeFormText(secret) || undefined,
  }
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new ServiceError('invalid_client')
  }
}

import { ClientError, type ClientErrorCode } from '../errors/client-error.js'
import type { Emit } from '../runtime/events.js'
import type { Renewable } from '../tokens/renewable.js'
import type { Authentication, Authenticator } from './client-authentication.js'
import type { Endpoints } from './discovery.js'
import { type ExchangeConfig, type Exchanged, exchange, unexpectedStatus } from './exchange.js'
import { type JsonObject, parseObject } from './json.js'
import { parseTokenResponse, type TokenResponse } from './token-response.js'

/** What a request to the server needs. */
export interface ServerConfig extends ExchangeConfig {
  endpoints: Pick<Renewable<Endpoints>, 'get'>
  authenticator: Authenticator
  emit: Emit
}

/** Parameters of a form; those that are null are omitted. */
export type Parameters = Record<string, string | null>

/** Requests a token (RFC 6749 §4.4, §6). @throws ClientError */
export async function requestToken(parameters: Parameters, config: ServerConfig): Promise<TokenResponse> {
  const { token } = await config.endpoints.get()
  const response = await postForm(token, parameters, config)
  try {
    return parseTokenResponse(response.text)
  } catch (cause) {
    const message = `${token} does not answer with a token`
    throw new ClientError('invalid_response', message, { cause, status: response.status })
  }
}

/** Revokes a token (RFC 7009 §2.1). @throws ClientError */
export async function revokeToken(token: string, config: ServerConfig): Promise<void> {
  const { revocation } = await config.endpoints.get()
  if (revocation === null)
    throw new ClientError('invalid_metadata', 'The server has no endpoint that revokes tokens')
  await postForm(revocation, { token, token_type_hint: 'refresh_token' }, config)
}

/** Posts a form as the client, with its next secret if one is refused. @throws ClientError unless the status is 200 */
async function postForm(url: string, parameters: Parameters, config: ServerConfig): Promise<Exchanged> {
  const { authenticator, emit } = config
  let refusal: ClientError | null = null
  for (const way of await authenticator.list()) {
    const response = await exchange(url, createRequest(parameters, way), config)
    refusal = response.status === 200 ? null : refusalOf(url, response)
    if (refusal?.code === 'invalid_client') {
      emit({ type: 'credentials_refused' })
      continue
    }
    authenticator.accept(way)
    if (refusal) throw refusal
    return response
  }
  throw refusal
}

function createRequest(
  parameters: Parameters,
  { authorization, parameters: credentials }: Authentication,
): { method: 'POST'; headers: Record<string, string>; body: URLSearchParams } {
  const sent = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== null)
  return {
    method: 'POST',
    headers: { accept: 'application/json', ...(authorization && { authorization }) },
    body: new URLSearchParams([...sent, ...Object.entries(credentials)]),
  }
}

/** Errors of a token endpoint that have a code of their own here (RFC 6749 §5.2, RFC 8707 §2). */
const ownCodes: readonly ClientErrorCode[] = [
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
]

/** Returns the error in a response. Only one in JSON is the server's word; others can be of a proxy. */
function refusalOf(url: string, response: Exchanged): ClientError {
  const { error, error_description: description } = parseError(response.text)
  const { status } = response
  if (typeof error !== 'string' || status < 400 || !/^[\w-]{1,64}$/.test(error))
    return unexpectedStatus(url, response)
  const code = ownCodes.find((one) => one === error) ?? 'request_refused'
  return new ClientError(code, `${url} refuses the request: ${error}${toDetail(description)}`, {
    status,
    error,
  })
}

function parseError(text: string): JsonObject {
  try {
    return parseObject(text)
  } catch {
    return {}
  }
}

/** Maximum length of the description of an error (characters). */
const maxDescription = 200

/** Returns what the server says, without control characters, which could forge lines of a log. */
function toDetail(description: unknown): string {
  if (typeof description !== 'string') return ''
  return ` (${description.slice(0, maxDescription).replace(/[^ -~]/g, '?')})`
}

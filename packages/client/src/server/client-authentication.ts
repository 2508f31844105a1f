import { ClientError } from '../errors/client-error.js'
import { abortable } from '../runtime/abortable.js'
import type { Clock } from '../runtime/clock.js'
import { isText } from '../runtime/text.js'
import { encodeBase64 } from './base64.js'
import { type PrivateKey, signAssertion } from './private-key-jwt.js'

type MaybePromise<T> = T | Promise<T>

/** A value, or a function that is called for it before every token request. */
export type Supplied<T> = T | (() => MaybePromise<T>)

/** Credentials of a client: at most one of these. */
export interface Credentials {
  /** Secret, or several of which the next is tried when one is refused. */
  clientSecret?: Supplied<string | readonly string[]>
  /** Key for `private_key_jwt` (RFC 7523 §2.2). */
  privateKey?: Supplied<PrivateKey>
  /** Token that a platform issued to this workload, such as Kubernetes; of several the first. */
  clientAssertion?: Supplied<string | readonly string[]>
}

/** What authenticates one request: the header, or parameters of the form. */
export interface Authentication {
  authorization?: string
  parameters: Record<string, string>
}

/** What authentication needs. */
export interface AuthenticationConfig {
  issuer: string
  clientId: string
  credentials: Credentials
  clock: Clock
  /** Time to read the credentials (milliseconds). */
  timeoutMs: number
}

/** Authenticates requests of a client. */
export interface Authenticator {
  /** Returns the ways to authenticate a request, the most promising first. @throws ClientError `credentials_unavailable` */
  list(): Promise<Authentication[]>
  /** Records the authentication that was not refused, which is the first to be tried next time. */
  accept(authentication: Authentication): void
}

/** Maximum number of secrets that are tried for one token. */
const maxSecrets = 4
/** The `client_assertion_type` of a JWT (RFC 7523 §2.2). */
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Creates what authenticates the requests of a client. Without credentials the client is public. */
export function createAuthenticator(config: AuthenticationConfig): Authenticator {
  const { clientId, credentials, clock, timeoutMs } = config
  /** Header with the secret that worked last. */
  let accepted: string | undefined

  async function readSecrets(): Promise<Authentication[]> {
    const secrets = [await supply(credentials.clientSecret)].flat().filter(isText)
    if (secrets.length === 0) throw new Error('there is no secret')
    return [...new Set(secrets)]
      .slice(0, maxSecrets)
      .map((secret) => ({ authorization: toBasic(clientId, secret), parameters: {} }))
      .sort((a, b) => Number(b.authorization === accepted) - Number(a.authorization === accepted))
  }

  async function read(): Promise<Authentication[]> {
    const { clientSecret, privateKey, clientAssertion } = credentials
    if (clientSecret !== undefined) return readSecrets()
    if (privateKey !== undefined) {
      const key = await supply(privateKey)
      return [{ parameters: toAssertion(clientId, await signAssertion(key, config)) }]
    }
    if (clientAssertion !== undefined) {
      const [assertion = ''] = [await supply(clientAssertion)].flat()
      return [{ parameters: toAssertion(clientId, assertion) }]
    }
    return [{ parameters: { client_id: clientId } }]
  }

  return {
    async list() {
      try {
        return await abortable(read(), clock.timeout(timeoutMs))
      } catch (cause) {
        throw new ClientError('credentials_unavailable', `The credentials of ${clientId} cannot be read`, {
          cause,
        })
      }
    },
    accept(authentication) {
      accepted = authentication.authorization
    },
  }
}

async function supply<T extends object | string | undefined>(supplied: Supplied<T>): Promise<T> {
  return typeof supplied === 'function' ? supplied() : supplied
}

/** Returns Basic credentials, whose parts are form-url-encoded (RFC 6749 §2.3.1). */
function toBasic(clientId: string, secret: string): string {
  return `Basic ${encodeBase64(new TextEncoder().encode(`${encodeForm(clientId)}:${encodeForm(secret)}`))}`
}

function encodeForm(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

function toAssertion(clientId: string, assertion: unknown): Record<string, string> {
  if (!isText(assertion)) throw new Error('there is no assertion')
  return { client_id: clientId, client_assertion_type: jwtBearer, client_assertion: assertion }
}

export type { ClientOptions } from './client/options.js'
export {
  type ServiceClient,
  type ServiceClientOptions,
  serviceClient,
  type TokenOptions,
} from './client/service-client.js'
export { ClientError, type ClientErrorCode } from './errors/client-error.js'
export type { AuthorizedFetch, AuthorizedInit } from './request/authorized-fetch.js'
export type { Clock } from './runtime/clock.js'
export type { ClientEvent, TokenTarget } from './runtime/events.js'
export type { WebLocks } from './runtime/lock.js'
export type { Credentials, Supplied } from './server/client-authentication.js'
export type { Fetch } from './server/exchange.js'
export type { PrivateJwk, PrivateKey } from './server/private-key-jwt.js'
export type { RefreshTokenStore } from './session/refresh-token-store.js'
export { type UserSession, type UserSessionOptions, userSession } from './session/user-session.js'
export type { TokenChoice } from './tokens/token-target.js'

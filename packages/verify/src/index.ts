export { DocumentError, type DocumentErrorCode, type DocumentName } from './errors/document-error.js'
export { VerificationError, type VerificationErrorCode } from './errors/verification-error.js'
export type { Fetch } from './remote/fetch-document.js'
export type { Clock } from './runtime/clock.js'
export type { VerifierEvent } from './runtime/events.js'
export type { AccessTokenClaims } from './token/claims.js'
export type { Algorithm } from './token/jws.js'
export type { Scope } from './token/scope.js'
export type { VerifierOptions } from './verifier/options.js'
export {
  type Caller,
  type Requirements,
  type TokenVerifier,
  tokenVerifier,
} from './verifier/token-verifier.js'

import { VerificationError } from './errors/verification-error.js'
import { readRequiredScope, type Scope } from './token/scope.js'
import type { VerifierOptions } from './verifier/options.js'
import { type Caller, type Requirements, tokenVerifier } from './verifier/token-verifier.js'

declare global {
  namespace Express {
    interface Request {
      /** Sender of the request. Set behind middleware of Latchkey only. */
      caller: Caller
    }
  }
}

/** The part of a request that the middleware uses: that of Express, Connect or `node:http`. */
export interface ExpressRequest {
  headers: { authorization?: string | undefined }
  caller?: Caller
}

/** The part of a response that the middleware uses. */
export interface ExpressResponse {
  setHeader(name: string, value: string): unknown
}

/** Middleware of Express or Connect. */
export type ExpressMiddleware = (
  request: ExpressRequest,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => Promise<void>

/** Middleware for the routes of a service. A refusal goes to the error handler; the challenge is in the headers already. */
export interface ExpressGuards {
  /** Returns middleware that refuses requests without a valid token that has these scope-tokens. */
  requireScope(scope: Scope): ExpressMiddleware
  /** Middleware that refuses requests without a valid token. */
  requireToken: ExpressMiddleware
}

/** Creates middleware that verifies tokens, and sets `request.caller`. @throws TypeError for an option that is missing, wrong or unknown */
export function latchkeyExpress(options: VerifierOptions): ExpressGuards {
  const verify = tokenVerifier(options)

  const createMiddleware = (requirements: Requirements): ExpressMiddleware =>
    async function requireCaller(request, response, next) {
      try {
        request.caller = await verify(request.headers.authorization, requirements)
      } catch (error) {
        if (error instanceof VerificationError)
          for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value)
        return next(error)
      }
      next()
    }

  return {
    requireScope: (scope) => createMiddleware({ scope: readRequiredScope(scope) }),
    requireToken: createMiddleware({}),
  }
}

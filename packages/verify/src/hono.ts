import type { MiddlewareHandler } from 'hono'
import { readRequiredScope, type Scope } from './token/scope.js'
import type { VerifierOptions } from './verifier/options.js'
import { type Caller, type Requirements, tokenVerifier } from './verifier/token-verifier.js'

/** Middleware that sets the variable `caller`. */
export type LatchkeyMiddleware = MiddlewareHandler<{ Variables: { caller: Caller } }>

/** Middleware for the routes of a service. A refusal is an error that `onError` answers: `error.getResponse()` by default. */
export interface HonoGuards {
  /** Returns middleware that refuses requests without a valid token that has these scope-tokens. */
  requireScope(scope: Scope): LatchkeyMiddleware
  /** Middleware that refuses requests without a valid token. */
  requireToken: LatchkeyMiddleware
}

/** Creates middleware that verifies tokens. @throws TypeError for an option that is missing, wrong or unknown */
export function latchkeyHono(options: VerifierOptions): HonoGuards {
  const verify = tokenVerifier(options)

  const createMiddleware = (requirements: Requirements): LatchkeyMiddleware =>
    async function requireCaller(context, next) {
      const { signal } = context.req.raw
      context.set('caller', await verify(context.req.header('authorization'), { ...requirements, signal }))
      await next()
    }

  return {
    requireScope: (scope) => createMiddleware({ scope: readRequiredScope(scope) }),
    requireToken: createMiddleware({}),
  }
}

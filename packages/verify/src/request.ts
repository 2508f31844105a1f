import { VerificationError } from './errors/verification-error.js'
import { readRequiredScope, type Scope } from './token/scope.js'
import type { VerifierOptions } from './verifier/options.js'
import { type Caller, type Requirements, tokenVerifier } from './verifier/token-verifier.js'

/** Handler of a request by a known caller. `rest` is what the platform passes beside the request, such as `env` and `ctx`. */
export type CallerHandler<Rest extends unknown[]> = (
  request: Request,
  caller: Caller,
  ...rest: Rest
) => Response | Promise<Response>

/** Handler of a request, as Deno, Bun and Workers call it. */
export type RequestHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Promise<Response>

/** Wrappers of the handlers of a service. They answer requests that must be refused. */
export interface RequestGuards {
  /** Returns a handler for requests with a valid token that has these scope-tokens. */
  requireScope<Rest extends unknown[]>(scope: Scope, handle: CallerHandler<Rest>): RequestHandler<Rest>
  /** Returns a handler for requests with a valid token. */
  requireToken<Rest extends unknown[]>(handle: CallerHandler<Rest>): RequestHandler<Rest>
}

/** Creates wrappers that verify tokens. @throws TypeError for an option that is missing, wrong or unknown */
export function latchkeyRequest(options: VerifierOptions): RequestGuards {
  const verify = tokenVerifier(options)

  const wrap = <Rest extends unknown[]>(
    requirements: Requirements,
    handle: CallerHandler<Rest>,
  ): RequestHandler<Rest> =>
    async function handleRequest(request, ...rest) {
      const { headers, signal } = request
      let caller: Caller
      try {
        caller = await verify(headers.get('authorization'), { ...requirements, signal })
      } catch (error) {
        if (error instanceof VerificationError) return error.getResponse()
        throw error
      }
      return handle(request, caller, ...rest)
    }

  return {
    requireScope: (scope, handle) => wrap({ scope: readRequiredScope(scope) }, handle),
    requireToken: (handle) => wrap({}, handle),
  }
}

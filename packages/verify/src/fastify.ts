import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { VerificationError } from './errors/verification-error.js'
import { readRequiredScope, type Scope } from './token/scope.js'
import type { VerifierOptions } from './verifier/options.js'
import { type Caller, type Requirements, tokenVerifier } from './verifier/token-verifier.js'

/** Hook of a route, as `onRequest` or `preHandler`. */
export type LatchkeyHook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    /** Returns a hook that refuses requests without a valid token that has these scope-tokens. */
    requireScope(scope: Scope): LatchkeyHook
    /** Hook that refuses requests without a valid token. */
    requireToken: LatchkeyHook
  }
  interface FastifyRequest {
    /** Sender of the request. Throws on a route without a hook of Latchkey. */
    readonly caller: Caller
  }
}

/**
 * Adds `requireScope` and `requireToken` to an instance, for itself and the plugins within it. A refusal is an error that the error
 * handler answers; the challenge is in the headers already.
 */
export const latchkeyFastify: FastifyPluginAsync<VerifierOptions> = Object.assign(registerLatchkey, {
  // Reaches the instance that registers it, as fastify-plugin does.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@latchkey/verify',
  [Symbol.for('plugin-meta')]: { name: '@latchkey/verify', fastify: '>=5' },
})

async function registerLatchkey(...[app, options]: Parameters<FastifyPluginAsync<VerifierOptions>>) {
  const verify = tokenVerifier(options)
  const callers = new WeakMap<FastifyRequest, Caller>()

  const createHook = (requirements: Requirements): LatchkeyHook =>
    async function requireCaller(request, reply) {
      try {
        callers.set(request, await verify(request.headers.authorization, requirements))
      } catch (error) {
        if (error instanceof VerificationError) reply.headers(error.headers)
        throw error
      }
    }

  app.decorate('requireScope', (scope: Scope) => createHook({ scope: readRequiredScope(scope) }))
  app.decorate('requireToken', createHook({}))
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      const caller = callers.get(this)
      if (!caller) throw new Error('request.caller: this route has neither requireScope nor requireToken')
      return caller
    },
  })
}

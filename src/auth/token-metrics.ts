import type { FastifyInstance, FastifyRequest } from 'fastify'
import { catalogue, type ErrorCode, type ErrorDefinition } from '../errors.js'
import { onRequestEnd } from '../http/request-end.js'
import { type loginOutcomes, tokenGrants, tokenOutcomes } from '../metrics/catalogue/tokens.js'
import type { AuthContext } from './context.js'
import type { Client } from './store/clients.js'

type TokenOutcome = (typeof tokenOutcomes)[number]
type LoginOutcome = (typeof loginOutcomes)[number]

/** Outcomes by the status of an error response, whatever its OAuth error code is. */
const outcomeByStatus: Record<number, 'throttled' | 'unavailable' | 'error'> = {
  429: 'throttled',
  500: 'error',
  503: 'unavailable',
}

/**
 * Counts the requests of the token endpoint when they have been answered, or the client has disconnected.
 *
 * @returns a function that notes the client of a request
 */
export function countTokenRequests(
  app: FastifyInstance,
  { config, metrics }: Pick<AuthContext, 'config' | 'metrics'>,
): (request: FastifyRequest, client: Client) => void {
  const clientLabels = createClientLabels(config.metricsClients)
  const clients = new WeakMap<FastifyRequest, string>()

  app.addHook('onRequest', function countRequest(request, { raw }, done) {
    onRequestEnd(raw, function countOutcome(isAborted) {
      const { errorCode, body } = request
      const grant = grantOf(body)
      const outcome = isAborted ? 'aborted' : outcomeOf(errorCode)
      metrics.tokenRequests.add({ grant, outcome })
      if (grant === 'password') metrics.logins.add({ outcome: loginOutcomeOf(outcome, errorCode) })
      const client_id = clients.get(request)
      if (client_id !== undefined) metrics.clientTokenRequests.add({ client_id, outcome })
    })
    done()
  })

  return function noteClient(request, { clientId }) {
    if (config.metricsClients > 0) clients.set(request, clientLabels(clientId))
  }
}

/** Returns a function that gives each of the first clients a label of its own, and all others the same. */
function createClientLabels(maximum: number): (clientId: string) => string {
  const known = new Set<string>()
  return function labelOf(clientId) {
    if (known.size < maximum) known.add(clientId)
    return known.has(clientId) ? clientId : '_OTHER'
  }
}

/** Returns the grant of a request, whose body may be missing or malformed. Without a `grant_type` it is a login. */
function grantOf(body: unknown): (typeof tokenGrants)[number] {
  const { grant_type = 'password' } = (body ?? { grant_type: '' }) as { grant_type?: unknown }
  return tokenGrants.find((grant) => grant === grant_type) ?? '_OTHER'
}

function outcomeOf(code: ErrorCode | null): TokenOutcome {
  if (code === null) return 'ok'
  const { status, oauth }: ErrorDefinition = catalogue[code]
  return outcomeByStatus[status] ?? tokenOutcomes.find((outcome) => outcome === oauth) ?? 'invalid_request'
}

function loginOutcomeOf(outcome: TokenOutcome, code: ErrorCode | null): LoginOutcome {
  if (code === 'incorrect_credentials') return 'wrong_password'
  const own = ['ok', 'throttled', 'unavailable', 'error', 'aborted'] as const
  return own.find((same) => same === outcome) ?? 'refused'
}

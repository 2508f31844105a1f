import { METHODS } from 'node:http'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, ServiceError } from '../errors.js'
import { encodePercent } from '../http/percent.js'
import { countHeader } from '../http/raw-headers.js'
import { verifyPath } from '../http/request-target.js'
import { readBearerToken, type VerifiedToken } from './access-token.js'
import { forbidStorage } from './authenticate.js'
import { countChecks } from './check-metrics.js'
import type { AuthContext } from './context.js'
import { loadStandingAt, type Standing } from './current.js'
import { verifyRequest } from './operations.js'
import { findMetadataUrl } from './resources/catalogue.js'
import { isIdentifier } from './resources/identifier.js'
import { includesScope, isScope, splitScope } from './scope.js'
import { verifyAccessToken } from './verify.js'

/** Requirements on the token of a request, as the proxy states them in its URL. */
interface Requirement {
  /** Identifier of the resource that the token must be for; null for this service. */
  resource: string | null
  /** Scope-tokens that the token must have. */
  scope: readonly string[]
}

/** Methods that Node.js parses and passes to the router: all but CONNECT. */
const methods = METHODS.filter((method) => method !== 'CONNECT')

/** Parameters that a proxy can state. */
const parameters = ['resource', 'scope']

/** Header lines for the service behind the proxy, by the member that they are named after. */
type IdentityHeaders = Record<`x-latchkey-${'subject' | 'user' | 'scope' | 'client'}`, string>

/**
 * Registers the routes that proxies ask whether a request may pass (forward authentication). The only responses are 204,
 * 401, 403 and 503, as nginx responds with 500 to all but the first three. CORS is off, so that no preflight passes unless the
 * proxy lets it pass.
 */
export const forwardAuthEndpoint: FastifyPluginAsync<AuthContext> = async function forwardAuthEndpoint(
  app,
  context,
) {
  app.addHook('onRequest', forbidStorage)
  for (const method of methods)
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })

  const answer = countChecks('verify', context, async function answer(request, reply: FastifyReply) {
    const requirement = readRequirement(request.query as Record<string, unknown>)
    const { access, standing } = await authenticate(request, requirement, context)
    await requireScopes(requirement, standing, context)
    return reply.code(204).headers(describe(access, standing)).send()
  })

  // The hook answers, before Fastify reads the body. The handler, which a route must have, is not reached.
  const route = { onRequest: answer, handler: answer, config: { isForwardAuth: true, cors: false } }
  app.route({ ...route, method: 'GET', url: verifyPath, exposeHeadRoute: false, schema: verifyRequest })
  const others = methods.filter((method) => method !== 'GET')
  app.route({ ...route, method: others, url: verifyPath, schema: { hide: true } })
  app.route({ ...route, method: methods, url: `${verifyPath}/`, schema: { hide: true } })
}

/** @throws ServiceError `invalid_verification` for a URL that the operator of the proxy has to correct */
function readRequirement(query: Record<string, unknown>): Requirement {
  const { resource = null, scope = '' } = query
  const isKnown = Object.keys(query).every((name) => parameters.includes(name))
  const isResource = resource === null || (typeof resource === 'string' && isIdentifier(resource))
  const scopes = typeof scope === 'string' ? splitScope(scope) : ['']
  if (!isKnown || !isResource || !scopes.every(isScope))
    throw challenge('invalid_verification', { error: 'invalid_request' })
  return { resource, scope: scopes }
}

/**
 * Returns the token of a request and what it permits now.
 *
 * @throws ServiceError `not_authenticated`, `invalid_token`
 */
async function authenticate(
  request: FastifyRequest,
  requirement: Requirement,
  context: AuthContext,
): Promise<{ access: VerifiedToken; standing: Standing }> {
  const { headers, raw } = request
  if (countHeader(raw.rawHeaders, 'authorization') > 1)
    throw await refusal('invalid_token', { error: 'invalid_request' }, requirement, context)
  const token = readBearerToken(headers.authorization)
  if (token === null) {
    const scope = requirement.scope.join(' ')
    throw await refusal('not_authenticated', { scope }, requirement, context)
  }
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  if (access) await context.logCaller(request, { sub: access.claims.sub, clientId: access.claims.client_id })
  const standing = access && (await loadStandingAt(requirement.resource, access, context))
  const isRefused = standing?.reason === 'invalid_token' || standing?.reason === 'inactive_user'
  if (!standing || isRefused)
    throw await refusal('invalid_token', { error: 'invalid_token' }, requirement, context)
  return { access, standing }
}

/** @throws ServiceError `insufficient_scope`, `password_change_required` */
async function requireScopes(
  requirement: Requirement,
  { active, scope, reason }: Standing,
  context: AuthContext,
): Promise<void> {
  const { scope: required } = requirement
  if (active && required.every((one) => includesScope(scope, one))) return
  const code = reason === 'password_change_required' ? reason : 'insufficient_scope'
  const attributes = { error: 'insufficient_scope', scope: required.join(' ') }
  throw await refusal(code, attributes, requirement, context)
}

interface ChallengeAttributes {
  error?: string
  scope?: string
  resource_metadata?: string
}

/** Returns an error whose challenge also says where the metadata of the required resource is (RFC 9728 §5.1). */
async function refusal(
  code: ErrorCode,
  attributes: ChallengeAttributes,
  { resource }: Requirement,
  context: AuthContext,
): Promise<ServiceError> {
  return challenge(code, { ...attributes, resource_metadata: await findMetadataUrl(resource, context) })
}

/** Returns an error with its challenge (RFC 6750 §3). Empty attributes are left out. */
function challenge(code: ErrorCode, attributes: ChallengeAttributes): ServiceError {
  const stated = Object.entries(attributes).filter(([, value]) => value !== '')
  const parts = [['realm', 'Latchkey'], ...stated].map(([name, value]) => `${name}="${value}"`)
  return new ServiceError(code, { 'www-authenticate': `Bearer ${parts.join(', ')}` })
}

/** Returns the headers with the identity of the caller, for the service behind the proxy. */
function describe({ claims }: VerifiedToken, { scope, user }: Standing): Partial<IdentityHeaders> {
  const { sub, client_id: client } = claims
  return {
    'x-latchkey-subject': encodePercent(sub),
    ...(user && { 'x-latchkey-user': encodePercent(user.username) }),
    ...(scope.length > 0 && { 'x-latchkey-scope': encodePercent(scope.join(' ')) }),
    ...(client !== undefined && { 'x-latchkey-client': encodePercent(client) }),
  }
}

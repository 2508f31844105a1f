import { createHmac } from 'node:crypto'
import { getPriority } from 'node:os'
import { LRUCache } from 'lru-cache'
import { claimsFor } from '#dist/src/auth/access-token.js'
import { readCredentials } from '#dist/src/auth/clients/credentials.js'
import { effective } from '#dist/src/auth/effective.js'
import { digestClientSecret, fingerprint, successorOf } from '#dist/src/auth/secrets.js'
import { createPermutation } from '#dist/src/auth/status/permutation.js'
import { verifyAccessToken } from '#dist/src/auth/verify.js'
import { buildSerializer } from '#dist/src/http/compilers.js'
import { decodePercent } from '#dist/src/http/percent.js'
import { normalizeAddress } from '#dist/src/http/server/client-address.js'
import { User } from '#dist/src/users/user-schema.js'

// Calls the ten hottest functions of the service, for callgrind to count their instructions: those of its own code that take
// the most time under load and can be called alone. Every call has the same input. Each function is called for a while, then
// `calls` times, then twice as often; the priority of this process is read after each of the three, which marks the ends of
// the counts. So their difference has nothing but calls in it.

/** Number of calls between the first two marks of a function. */
const calls = 200

const now = 1_800_000_000
const secret = Buffer.alloc(32, 'bench')
const issuer = { iss: 'https://latchkey.example.com', aud: 'https://latchkey.example.com' }
const grant = { sub: 'johndoe', clientId: 'first-party', scope: 'me items:read items:write', sid: '0' }
/** The claims of a token as they are read again. */
const claims = JSON.parse(
  JSON.stringify(claimsFor(grant, issuer, '01890a5d-ac96-774b-bcce-b302099a8057', now, 1800)),
)
const encode = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString('base64url')
const input = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })}.${encode(claims)}`
const token = `${input}.${createHmac('sha512', secret).update(input).digest('base64url')}`
const permutation = createPermutation(secret)
const serializeUser = buildSerializer(
  {},
  {},
)(/** @type {any} */ ({ schema: User, method: 'GET', url: '/users/me/', httpStatus: '200' }))
const user = { username: 'johndoe', email: 'johndoe@example.com', full_name: 'John Doe', disabled: false }
const authorization = `Basic ${Buffer.from('bench-client:lks_secret-of-a-client').toString('base64')}`
const facts = {
  user: { disabled: false, generation: 0, passwordChangeRequired: false, scopes: ['me', 'items:read'] },
  client: { disabled: false, generation: 0, scopes: ['me', 'items:read', 'items:write'] },
  family: { userGeneration: 0, clientGeneration: 0, revoked: false },
  audience: { disabled: false, generation: null, scopes: [] },
  revoked: false,
}

/** @type {Record<string, () => unknown>} */
const functions = {
  verifyAccessToken: await prepareVerification(),
  effective: () => effective({ claims, scope: ['me', 'items:read'] }, facts),
  serializeUser: () => serializeUser(user),
  normalizeAddress: () => normalizeAddress('::ffff:192.0.2.1'),
  readCredentials: () => readCredentials({ authorization }),
  digestClientSecret: () => digestClientSecret('lks_secret-of-a-client', secret),
  claimsFor: () => claimsFor(grant, issuer, 'id', now, 1800),
  decodePercent: () => decodePercent('grant_type%3Dclient_credentials'),
  'successorOf, fingerprint': () => fingerprint(successorOf('lkr_refresh-token', secret)),
  'permutation.indexOf': () => permutation.indexOf(123_456),
}

for (const call of Object.values(functions)) {
  await repeat(call, calls)
  getPriority()
  await repeat(call, calls)
  getPriority()
  await repeat(call, 2 * calls)
  getPriority()
}
process.stdout.write(JSON.stringify({ calls, names: Object.keys(functions) }))

/** Returns a verification whose signature was verified before. */
async function prepareVerification() {
  const key = /** @type {any} */ ({ kid: 'bench' })
  const access = /** @type {any} */ ({ claims, audience: null, scope: ['me'], kid: 'bench', key })
  /** @type {LRUCache<string, any>} */
  const verified = new LRUCache({ max: 10 })
  verified.set(token, access)
  const context = { keyRing: { find: async () => key }, issuer, verified, noteLookUp() {} }
  if ((await verifyAccessToken(token, context, now)) !== access) throw new Error('the token was not verified')
  return () => verifyAccessToken(token, context, now)
}

/**
 * @param {() => unknown} call
 * @param {number} times
 */
async function repeat(call, times) {
  for (let time = 0; time < times; time++) await call()
}

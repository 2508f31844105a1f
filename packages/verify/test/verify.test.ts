import t from 'tap'
import { tokenVerifier, VerificationError } from '../src/index.js'
import { testIssuer } from '../src/testing.js'

/** Time at which the clock of each test stands. */
const now = Date.UTC(2030, 0, 1)

t.test(
  'a good token is accepted, and one that was revoked is refused within the promised delay',
  async (t) => {
    const issuer = await testIssuer({ now })
    const verify = tokenVerifier(issuer.settings)
    const token = await issuer.token({ scope: 'orders:read orders:write' })
    const caller = await verify(`Bearer ${token}`, { scope: 'orders:read' })
    t.match(caller, { subject: 'client:test', clientId: 'test', scope: ['orders:read', 'orders:write'] })
    issuer.revoke(token)
    issuer.clock.advance(Number(verify.maxRevocationDelayMs))
    await t.rejects(verify(`Bearer ${token}`), new VerificationError('token_revoked'))
  },
)

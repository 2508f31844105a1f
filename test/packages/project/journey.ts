import { tokenVerifier, VerificationError } from '@latchkey/verify'
import { testIssuer } from '@latchkey/verify/testing'

/** Returns the outcomes of a call with a token, with a token that was revoked, and after new keys were introduced. */
export async function takeJourney(): Promise<string> {
  const issuer = await testIssuer()
  const verify = tokenVerifier(issuer.settings)
  const requirements = { scope: 'orders:read' }

  async function call(token: string): Promise<string> {
    try {
      return (await verify(`Bearer ${token}`, requirements)).subject
    } catch (error) {
      return error instanceof VerificationError ? error.code : String(error)
    }
  }

  const outcomes: string[] = []
  const token = await issuer.token({ clientId: 'billing', scope: 'orders:read' })
  outcomes.push(await call(token))
  issuer.revoke(token)
  issuer.clock.advance(verify.maxRevocationDelayMs ?? 0)
  outcomes.push(await call(token))
  await issuer.rotate()
  outcomes.push(await call(await issuer.token({ clientId: 'reports', scope: 'orders:read' })))
  return outcomes.join(' ')
}

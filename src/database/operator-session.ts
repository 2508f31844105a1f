import type pg from 'pg'
import { OperatorError } from '../lifecycle/operator-error.js'
import { reasonOf } from '../lifecycle/reason.js'
import { isPoolerRefusal, PoolerInBetween } from './pooler.js'
import { NoUsableServer } from './servers/servers.js'
import { openSession } from './session.js'

/** Codes of Node.js for a certificate whose authority is unknown. */
const untrustedCertificate = /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)/
const trustHint = '; name its authority by sslrootcert, or set sslmode=no-verify'

/**
 * Calls a function with a session without time limits, for work that an operator waits for.
 *
 * @throws OperatorError that says what to do if the session cannot be opened
 */
export async function withOperatorSession<T>(
  url: string,
  action: (session: pg.Client) => Promise<T>,
): Promise<T> {
  const session = await openSession({ url }).catch((error: Error & { code?: string }) => {
    if (error instanceof OperatorError) throw error
    if (isPoolerRefusal(error)) throw new PoolerInBetween(error)
    const hint = codesOf(error).some((code) => untrustedCertificate.test(code)) ? trustHint : ''
    throw new OperatorError(`cannot reach the database: ${reasonOf(error)}${hint}`, { cause: error })
  })
  try {
    return await action(session)
  } finally {
    await session.end()
  }
}

function codesOf(error: Error & { code?: string }): string[] {
  const errors = error instanceof NoUsableServer ? error.failures.map((failure) => failure.error) : [error]
  return errors.map(({ code }) => String(code))
}

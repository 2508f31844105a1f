import { eventOf, type RequestSource } from '../../audit/event.js'
import { recordEvent } from '../../audit/event-store.js'
import { ServiceError } from '../../errors.js'
import { needsRehash } from '../../passwords/hash-password.js'
import { canBeRehashed } from '../../passwords/verify.js'
import {
  type Credentials,
  findCredentials,
  hashToVerify,
  replaceHash,
} from '../../users/store/credentials.js'
import type { AuthContext } from '../context.js'
import { isDisabled } from '../effective.js'

/** Audit event of a failed login. It does not record an unknown username, as users type passwords into the wrong field. */
export const failedLogin = { action: 'login', outcome: 'failed', actor: null } as const

/**
 * Returns the user with this name and password.
 *
 * @param refusesDisabled whether a disabled user is treated as unknown
 * @throws ServiceError `incorrect_credentials`, `too_many_attempts`, `service_unavailable`
 */
export async function authenticateUser(
  username: string,
  password: string,
  refusesDisabled: boolean,
  { config, database, passwords }: AuthContext,
  source: RequestSource,
): Promise<Credentials> {
  passwords.requireCapacity()
  const user = await findCredentials(username, database)
  const hash = user && !(refusesDisabled && isDisabled(user)) ? hashToVerify(user) : undefined
  const isCorrect = await passwords.check({ username, password, hash, address: source.address })
  if (!user || hash === undefined || !isCorrect) {
    await recordEvent(eventOf(failedLogin, user, source), database)
    throw new ServiceError('incorrect_credentials')
  }
  if (isOutdated(user, config.bcryptCost) && canBeRehashed(password, hash))
    await replaceHash(user.username, user.hashedPassword, await passwords.hash(password), database)
  return user
}

/** Returns whether a password is hashed in another way than a new one would be. */
function isOutdated({ importedHash, hashedPassword }: Credentials, cost: number): boolean {
  return importedHash !== null || needsRehash(hashedPassword, cost)
}

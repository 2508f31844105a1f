import type { Static } from 'typebox'
import type { Config } from '../../config.js'
import type { Database } from '../../database/index.js'
import { ServiceError } from '../../errors.js'
import { findCredentials, replaceHash } from '../../users/store.js'
import { hashPassword, needsRehash, verifyPassword } from '../password.js'
import type { TokenForm } from '../schema.js'

/**
 * The resource owner password credentials grant (RFC 6749 §4.3): the name of the user who proved to know the password.
 * A disabled user passes too, as in the tutorial: the protected routes refuse him.
 *
 * @throws ServiceError `incorrect_credentials`, the same for an unknown user as for a wrong password
 */
export async function grantPassword(
  { username, password }: Static<typeof TokenForm>,
  { bcryptCost }: Config,
  database: Database,
): Promise<string> {
  const user = await findCredentials(username, database)
  const correct = await verifyPassword(password, user?.hashedPassword, bcryptCost)
  if (!user || !correct) throw new ServiceError('incorrect_credentials')
  if (needsRehash(user.hashedPassword, bcryptCost))
    await replaceHash(user.username, user.hashedPassword, await hashPassword(password, bcryptCost), database)
  return user.username
}

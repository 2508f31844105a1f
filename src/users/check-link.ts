import type { Static } from 'typebox'
import type { Transaction } from '../database/client.js'
import { ServiceError } from '../errors.js'
import { findLinkOwner } from './store/links.js'
import type { LinkCheck, MailedLink } from './user-schema.js'

/** Returns the account that a link was mailed for. @throws ServiceError `invalid_link` */
export async function checkLink(
  { token, purpose }: Static<typeof LinkCheck>,
  database: Transaction,
): Promise<Static<typeof MailedLink>> {
  const owner = await findLinkOwner(purpose, token, database)
  if (!owner) throw new ServiceError('invalid_link')
  return { username: owner.username }
}

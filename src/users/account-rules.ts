import { conforms } from '../http/conforms.js'
import { findUsernameProblem } from './names/username.js'
import { Registration } from './user-schema.js'

/** Returns why registration would refuse a username, or undefined. */
export function findNameProblem(username: string): string | undefined {
  return conforms(Registration.properties.username, username)
    ? findUsernameProblem(username)
    : 'must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them'
}

/** Returns why registration would refuse an e-mail address, or undefined. */
export function findEmailProblem(email: string): string | undefined {
  return conforms(Registration.properties.email, email) ? undefined : 'is not valid'
}

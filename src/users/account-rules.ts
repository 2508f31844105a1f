import { conforms } from '../http/conforms.js'
import { findUsernameProblem } from './names/username.js'
import { Registration } from './user-schema.js'

/** Returns why registration would refuse a username, or undefined. */
export function findNameProblem(username: string): string | undefined {
  return conforms(Registration.properties.username, username)
    ? findUsernameProblem(username)
    : 'must have 3 to 64 letters and digits, with dots, underscores and hyphens only between them'
}

/**
 * Returns why no user can have a username, whatever other systems permit: no URL of the API would name the user, or people
 * and programs would take them for someone else.
 */
export function findUnusableName(username: string): string | undefined {
  if (username.startsWith('client:')) return 'must not begin with "client:"'
  if (/^(?:\.+|me)$/i.test(username))
    return 'must not be "me" or consist of dots only, since no URL can name it'
  if (username.includes('/')) return 'must not have a slash, since no URL can name it'
  return /^\s|\s$|\s\s/.test(username) ? 'must not have spaces at its ends, or two in a row' : undefined
}

/** Returns why registration would refuse an e-mail address, or undefined. */
export function findEmailProblem(email: string): string | undefined {
  return conforms(Registration.properties.email, email) ? undefined : 'is not valid'
}

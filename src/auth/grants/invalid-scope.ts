import { ServiceError } from '../../errors.js'
import { isScope, splitScope } from '../scope.js'

/** Maximum number of scope-tokens that an error names. */
const maxNamedScopes = 10

/** Returns the error for a requested scope. It names the scope-tokens of the request that are not allowed. */
export function invalidScope(requested: string | undefined, allowed: readonly string[]): ServiceError {
  const refused = splitScope(requested ?? '').filter((one) => isScope(one) && !allowed.includes(one))
  const named = [...new Set(refused)].slice(0, maxNamedScopes).join(' ')
  return new ServiceError(
    'invalid_scope',
    {},
    named ? `The scope exceeds what is allowed: ${named}` : undefined,
  )
}

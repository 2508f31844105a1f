import type { TokenTarget } from '../runtime/events.js'
import { isText } from '../runtime/text.js'

/** Chooses a token. */
export interface TokenChoice {
  /** Scope-tokens, separated by spaces. Default: that of the client. */
  scope?: string | undefined
  /** Identifier of the service that the token is for (RFC 8707). Default: that of the client. */
  resource?: string | undefined
}

/** Returns the scope and resource of a token. The order of scope-tokens does not matter. @throws TypeError unless both are text */
export function toTarget({ scope, resource }: TokenChoice, defaults: TokenTarget): TokenTarget {
  if (scope !== undefined && typeof scope !== 'string')
    throw new TypeError('scope must be scope-tokens, separated by spaces')
  if (resource !== undefined && !isText(resource))
    throw new TypeError('resource must be the identifier of a service')
  return {
    scope: scope === undefined ? defaults.scope : normalizeScope(scope),
    resource: resource ?? defaults.resource,
  }
}

function normalizeScope(scope: string): string {
  const tokens = scope.split(' ').filter((token) => token !== '')
  return [...new Set(tokens)].sort().join(' ')
}

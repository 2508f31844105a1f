import type { Option } from 'commander'
import { grants } from '../../auth/grants/index.js'
import { maxScopeLength } from '../../auth/scope.js'
import { clientIdSyntax, clientRights } from '../../auth/store/clients.js'
import { isSingleLine } from '../../database/storable.js'
import { CommandError, exitStatus } from '../command-error.js'
import { requireScopeSyntax } from '../scope-arguments.js'
import { wordsOption } from '../words-option.js'

/** Properties of a client to check. */
interface ClientProperties {
  clientId: string
  name: string
  confidential: boolean
  grants: readonly string[]
  scopes: readonly string[]
  rights: readonly string[]
  hasKeys: boolean
}

export function grantOption(): Option {
  return wordsOption('--grant <grant>', 'grant that the client may use', Object.keys(grants))
}

export function scopeOption(): Option {
  return wordsOption('--scope <scope>', 'scope that its tokens may have')
}

export function rightOption(): Option {
  const description =
    'right of the client: with introspect it may introspect every access token for this service'
  return wordsOption('--right <right>', description, clientRights)
}

/** @throws CommandError naming the first rule that a client breaks */
export function requireValidClient(client: ClientProperties): void {
  const { clientId, name, confidential, grants, scopes, rights, hasKeys } = client
  const problems: [boolean, string][] = [
    [
      !clientIdSyntax.test(clientId),
      'a client ID must have 1 to 64 letters, digits, dots, underscores or hyphens',
    ],
    [
      name.length > 255 || !isSingleLine(name),
      'a name must have at most 255 characters and no control characters',
    ],
    [
      scopes.join(' ').length > maxScopeLength,
      `all scopes together must have at most ${maxScopeLength} characters`,
    ],
    [!confidential && rights.length > 0, 'a public client cannot have rights'],
    [!confidential && hasKeys, 'a public client cannot have keys'],
    [!confidential && grants.includes('client_credentials'), 'a public client cannot use client_credentials'],
  ]
  const problem = problems.find(([isProblem]) => isProblem)
  if (problem) throw new CommandError(exitStatus.usage, problem[1])
  requireScopeSyntax(scopes)
}

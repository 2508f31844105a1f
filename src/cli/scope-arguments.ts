import { scopeName } from '../users/scopes.js'
import { CommandError, exitStatus, requireValid, scopeRule } from './command-error.js'

/** @throws CommandError naming the first scope that is malformed */
export function requireScopeSyntax(scopes: readonly string[]): void {
  for (const scope of scopes)
    requireValid(scopeName, scope, `invalid scope ${scope}: a scope must consist of ${scopeRule}`)
}

/** @throws CommandError unless all scopes are replaced, or some are added or removed */
export function requireScopeChange({ scope, add, remove }: Record<string, unknown>): void {
  const replaces = scope !== undefined
  const adjusts = add !== undefined || remove !== undefined
  if (replaces && adjusts) throw new CommandError(exitStatus.usage, '--scope excludes --add and --remove')
  if (!replaces && !adjusts)
    throw new CommandError(
      exitStatus.usage,
      "--add, --remove or --scope is missing; --scope '' removes all scopes",
    )
}

/** Scopes that are added to others, and those that are taken away. */
export interface ScopeChange {
  add: string[]
  remove: string[]
}

/** @throws CommandError naming the first scope that is both added and removed */
export function requireDistinct({ add, remove }: ScopeChange): void {
  const both = add.find((scope) => remove.includes(scope))
  if (both !== undefined) throw new CommandError(exitStatus.usage, `${both} is both added and removed`)
}

import type { Option } from 'commander'
import { maxScopes, NewRole } from '../../roles/role-schema.js'
import { requireValid } from '../command-error.js'
import type { Options } from '../run.js'
import { requireScopeSyntax } from '../scope-arguments.js'
import { readWords, wordsOption } from '../words-option.js'

export function scopeOption(): Option {
  return wordsOption('--scope <scope...>', 'scope that its users have: of a resource, or items:admin')
}

/** @throws CommandError if the name is invalid */
export function requireValidName(name: string): void {
  requireValid(
    NewRole.properties.name,
    name,
    'a name must have 1 to 64 letters, digits, dots, underscores or hyphens, and begin with a letter or digit',
  )
}

/** Returns the scopes that are given. @throws CommandError if there are too many, or one is malformed */
export function readScopes({ scope }: Options): string[] {
  const scopes = readWords(scope) ?? []
  requireScopeSyntax(scopes)
  requireValid(NewRole.properties.scopes, scopes, `a role can have at most ${maxScopes} scopes`)
  return scopes
}

/** @throws CommandError if the description is invalid */
export function readDescription({ description }: Options): string | null {
  if (description === undefined) return null
  const text = String(description)
  requireValid(
    NewRole.properties.description,
    text,
    'a description must have at most 255 characters and no control characters',
  )
  return text
}

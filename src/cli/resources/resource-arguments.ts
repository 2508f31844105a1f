import { Option } from 'commander'
import { type SubjectType, subjectTypes } from '../../auth/subject.js'
import { toScope } from '../../resources/manage-resources.js'
import type { ResourceScope, ResourceSettings } from '../../resources/managed-resource-store.js'
import { NewResource } from '../../resources/resource-schema.js'
import { scopeName } from '../../users/scopes.js'
import { requireValid, scopeRule } from '../command-error.js'
import type { Options } from '../run.js'
import { readWords, wordsOption } from '../words-option.js'

/** Options that say more about a resource. */
export function settingOptions(): Option[] {
  return [
    wordsOption('--scope <scope...>', 'scope of the resource'),
    wordsOption('--default-scope <scope...>', 'scope of the resource that every user has'),
    new Option('--token-ttl <seconds>', 'lifetime of its access tokens: 60 to 86400, or default'),
    new Option('--subject <type>', '"sub" of users in its tokens').choices(subjectTypes),
    wordsOption('--server <client-id...>', 'confidential client that may introspect its tokens'),
  ]
}

/** @throws CommandError if the name is invalid */
export function requireValidName(name: string): void {
  requireValid(
    NewResource.properties.name,
    name,
    'a name must have 1 to 64 lower-case letters and digits, with hyphens only between them',
  )
}

/** Returns the settings that options give, apart from scopes. @throws CommandError if one is invalid */
export function readSettings({
  audience,
  tokenTtl,
  subject,
  server,
}: Options): Partial<Omit<ResourceSettings, 'scopes'>> {
  const servers = readWords(server)
  if (audience !== undefined)
    requireValid(
      NewResource.properties.audience,
      audience,
      'an audience must be an absolute URI without a fragment, of at most 1024 characters',
    )
  requireValid(
    NewResource.properties.servers,
    servers ?? [],
    'a resource can have at most 20 servers, named by client IDs',
  )
  return {
    ...(audience !== undefined && { identifier: String(audience) }),
    ...(tokenTtl !== undefined && { tokenTtlSeconds: readTtl(tokenTtl) }),
    ...(subject !== undefined && { subjectType: subject as SubjectType }),
    ...(servers && { servers }),
  }
}

/**
 * Returns the scopes that a resource is to have, or undefined if the options change none. Scopes that stay keep what else is
 * known of them.
 *
 * @throws CommandError if one is invalid, or there are too many
 */
export function readScopes(
  { scope, defaultScope }: Options,
  current: readonly ResourceScope[],
): ResourceScope[] | undefined {
  const names = readWords(scope)
  const defaults = readWords(defaultScope)
  if (!names && !defaults) return undefined
  const wanted = new Set([...(names ?? current.map(({ name }) => name)), ...(defaults ?? [])])
  requireScopes([...wanted])
  return [...wanted].map((name) => {
    const known = current.find((one) => one.name === name) ?? toScope(name)
    return { ...known, byDefault: defaults ? defaults.includes(name) : known.byDefault }
  })
}

/** @throws CommandError if a name of a scope is invalid, or there are too many */
export function requireScopes(names: string[]): void {
  for (const name of names) requireValid(scopeName, name, `a scope must consist of ${scopeRule}`)
  requireValid(
    NewResource.properties.scopes,
    names.map((name) => ({ name })),
    'a resource can have at most 100 scopes',
  )
}

/** Returns a lifetime, null for that of tokens for this service. @throws CommandError if it is invalid */
function readTtl(text: unknown): number | null {
  if (text === 'default') return null
  const seconds = /^\d{1,6}$/.test(String(text)) ? Number(text) : Number.NaN
  requireValid(
    NewResource.properties.token_ttl_seconds,
    seconds,
    'a lifetime must be from 60 to 86400 seconds, or default',
  )
  return seconds
}

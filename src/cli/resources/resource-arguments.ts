import { Option } from 'commander'
import { clientIdSyntax } from '../../auth/store/clients.js'
import { type SubjectType, subjectTypes } from '../../auth/subject.js'
import { toScope } from '../../resources/manage-resources.js'
import type {
  ManagedResource,
  ResourceScope,
  ResourceSettings,
} from '../../resources/managed-resource-store.js'
import { NewResource } from '../../resources/resource-schema.js'
import { CommandError, exitStatus, requireValid } from '../command-error.js'
import type { Options } from '../run.js'
import { requireDistinct, requireScopeSyntax, type ScopeChange } from '../scope-arguments.js'
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

/** Options that change the scopes that a resource has. */
export function scopeChangeOptions(): Option[] {
  return [
    wordsOption('--add-scope <scope...>', 'scope to add to those of the resource'),
    wordsOption('--remove-scope <scope...>', 'scope to delete, also from all users, roles and clients'),
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
  requireServers(servers ?? [])
  return {
    ...(audience !== undefined && { identifier: String(audience) }),
    ...(tokenTtl !== undefined && { tokenTtlSeconds: readTtl(tokenTtl) }),
    ...(subject !== undefined && { subjectType: subject as SubjectType }),
    ...(servers && { servers }),
  }
}

/** @throws CommandError naming the first server that is no client ID, or if there are too many */
function requireServers(servers: string[]): void {
  const invalid = servers.find((server) => !clientIdSyntax.test(server))
  if (invalid !== undefined) throw new CommandError(exitStatus.usage, `${invalid} is not a client ID`)
  requireValid(NewResource.properties.servers, servers, 'a resource can have at most 20 servers')
}

/**
 * Returns the scopes that a resource is to have, or undefined if the options change none. Scopes that stay keep what else is
 * known of them.
 *
 * @throws CommandError if one is invalid, or not there to be removed, or there are too many
 */
export function readScopes(
  options: Options,
  { name: resource, scopes: current }: Pick<ManagedResource, 'name' | 'scopes'>,
): ResourceScope[] | undefined {
  const names = readWords(options.scope)
  const defaults = readWords(options.defaultScope)
  const change = readScopeChange(options)
  if (!names && !defaults && !change) return undefined
  if (names && change)
    throw new CommandError(exitStatus.usage, '--scope excludes --add-scope and --remove-scope')
  const { add, remove } = change ?? { add: [], remove: [] }
  const known = current.map(({ name }) => name)
  const absent = remove.find((name) => !known.includes(name))
  if (absent !== undefined) throw new CommandError(exitStatus.usage, `${resource} has no scope ${absent}`)
  requireDistinct({ add: [...add, ...(defaults ?? [])], remove })
  const named = new Set([...(names ?? known), ...add, ...(defaults ?? [])])
  const wanted = [...named].filter((name) => !remove.includes(name))
  requireScopes(wanted)
  return wanted.map((name) => {
    const scope = current.find((one) => one.name === name) ?? toScope(name)
    return { ...scope, byDefault: defaults ? defaults.includes(name) : scope.byDefault }
  })
}

/** Returns the change that the options ask for, or null if they ask for none. */
function readScopeChange({ addScope, removeScope }: Options): ScopeChange | null {
  const [add, remove] = [addScope, removeScope].map(readWords)
  return add || remove ? { add: add ?? [], remove: remove ?? [] } : null
}

/** @throws CommandError if a name of a scope is invalid, or there are too many */
export function requireScopes(names: string[]): void {
  requireScopeSyntax(names)
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

import { nobody } from '../auth/access-token.js'
import { isOwnAudience } from '../auth/resources/audience.js'
import { isOwnScope } from '../auth/scope.js'
import type { Config } from '../config/index.js'
import type { Database, Transaction } from '../database/client.js'
import { removeDepartedScopes } from '../database/departed-scopes.js'
import { sqlStateOf, uniqueViolation } from '../database/errors.js'
import { InvalidInput, ServiceError } from '../errors.js'
import {
  addResource,
  addScopes,
  findClientsWith,
  findResource,
  lockResource,
  type ManagedResource,
  type ResourceScope,
  type ResourceSettings,
  removeResource,
  removeScopes,
  replaceServers,
  updateResource,
  updateScopes,
} from './managed-resource-store.js'
import { maxScopes } from './resource-schema.js'

// Both the API and the command line manage resources with these functions, so that one set of rules holds for both.

/** Settings that decide which audiences are free. */
export type AudienceSettings = Pick<Config, 'jwtSecret' | 'issuer' | 'audience'>

/** Maximum time to wait until the names of deleted scopes are free (milliseconds). */
const freeWithinMs = 5_000

/**
 * Takes deleted scopes from users and logins that still have them, so that a resource can define scopes with their names. If
 * there are so many that this takes long, it is left to the background, and the names are taken until then.
 */
export function freeScopeNames(database: Database): Promise<void> {
  return removeDepartedScopes(database, { signal: AbortSignal.timeout(freeWithinMs) })
}

/**
 * Creates a resource.
 *
 * @throws ServiceError `keys_not_published`, `resource_exists`, `audience_taken`, `scope_taken`, `scope_in_use`; InvalidInput
 */
export async function createResource(
  { scopes, servers, ...resource }: ResourceSettings & { name: string },
  settings: AudienceSettings,
  transaction: Transaction,
): Promise<ManagedResource> {
  requireFreeAudience(resource.identifier, settings)
  const id = await addResource(resource, transaction)
  if (id === null) {
    const isNameTaken = (await findResource(resource.name, transaction)) !== null
    throw new ServiceError(isNameTaken ? 'resource_exists' : 'audience_taken')
  }
  await defineScopes(id, scopes, transaction)
  await setServers(id, servers, transaction)
  return (await findResource(resource.name, transaction)) as ManagedResource
}

/**
 * Changes a resource, and locks it until the transaction ends.
 *
 * @param readChanges returns the changes to the current state, or throws
 * @throws ServiceError `not_found`, `keys_not_published`, `audience_taken`, `scope_taken`, `scope_in_use`; InvalidInput
 */
export async function changeResource(
  name: string,
  readChanges: (current: ManagedResource) => Partial<ResourceSettings>,
  settings: AudienceSettings,
  transaction: Transaction,
): Promise<ManagedResource> {
  const current = await requireLocked(name, transaction)
  const { scopes, servers, ...changes } = readChanges(current)
  if (changes.identifier !== undefined) requireFreeAudience(changes.identifier, settings)
  // Updated even without changes, so that `updated_at` also reflects new scopes and servers.
  await updateResource(current.id, changes, transaction).catch(refuseTakenAudience)
  if (scopes) await replaceScopes(current, scopes, transaction)
  if (servers) await setServers(current.id, servers, transaction)
  return (await findResource(name, transaction)) as ManagedResource
}

/**
 * Moves scopes that clients already have from this service to a resource.
 *
 * @returns ids of the clients whose tokens with these scopes get another audience
 * @throws ServiceError `not_found`, `keys_not_published`, `scope_taken`; InvalidInput
 */
export async function adoptScopes(
  name: string,
  scopes: string[],
  settings: AudienceSettings,
  transaction: Transaction,
): Promise<string[]> {
  requirePublishedKeys(settings)
  const resource = await requireLocked(name, transaction)
  const added = scopes.filter((scope) => !resource.scopes.some((known) => known.name === scope))
  if (resource.scopes.length + added.length > maxScopes)
    throw new InvalidInput('body', ['scopes'], 'too_long', `A resource can have at most ${maxScopes} scopes`)
  // Updates `updated_at`, as every change of scopes does.
  await updateResource(resource.id, {}, transaction)
  await claimScopes(resource.id, added.map(toScope), transaction)
  const clients = await findClientsWith(added, transaction)
  return clients.map(({ clientId }) => clientId)
}

/**
 * Deletes a resource.
 *
 * @param requireState throws if the current state must not be deleted
 * @throws ServiceError `not_found`
 */
export async function deleteResource(
  name: string,
  requireState: (current: ManagedResource) => void,
  transaction: Transaction,
): Promise<void> {
  const resource = await requireLocked(name, transaction)
  requireState(resource)
  await removeResource(resource.id, transaction)
}

/** Returns a scope with default settings. */
export function toScope(name: string): ResourceScope {
  return { name, description: null, byDefault: false }
}

/** @throws ServiceError `not_found` */
async function requireLocked(name: string, transaction: Transaction): Promise<ManagedResource> {
  const resource = await lockResource(name, transaction)
  if (!resource) throw new ServiceError('not_found')
  return resource
}

/** @throws ServiceError `keys_not_published` */
function requirePublishedKeys({ jwtSecret }: AudienceSettings): void {
  if (jwtSecret !== undefined) throw new ServiceError('keys_not_published')
}

/** @throws ServiceError `keys_not_published`, `audience_taken` */
function requireFreeAudience(identifier: string, settings: AudienceSettings): void {
  requirePublishedKeys(settings)
  const { issuer, audience } = settings
  if (identifier === nobody || isOwnAudience(identifier, { iss: issuer, aud: audience }))
    throw new ServiceError('audience_taken')
}

function refuseTakenAudience(error: unknown): never {
  throw sqlStateOf(error) === uniqueViolation ? new ServiceError('audience_taken') : error
}

async function replaceScopes(
  { id, scopes: current }: ManagedResource,
  scopes: ResourceScope[],
  transaction: Transaction,
): Promise<void> {
  const isIn = (list: ResourceScope[]) => (scope: ResourceScope) =>
    list.some(({ name }) => name === scope.name)
  const removed = current.filter((scope) => !isIn(scopes)(scope)).map(({ name }) => name)
  await removeScopes(id, removed, transaction)
  await updateScopes(scopes.filter(isIn(current)), transaction)
  await defineScopes(
    id,
    scopes.filter((scope) => !isIn(current)(scope)),
    transaction,
  )
}

/** Adds scopes that no client has yet. Only `adoptScopes` moves those of clients, since it reports the clients. */
async function defineScopes(id: string, scopes: ResourceScope[], transaction: Transaction): Promise<void> {
  await claimScopes(id, scopes, transaction)
  const names = scopes.map(({ name }) => name)
  const [client] = await findClientsWith(names, transaction)
  if (!client) return
  const known = names.filter((name) => client.scopes.includes(name)).join(' ')
  throw new ServiceError(
    'scope_in_use',
    {},
    `${client.clientId} already has ${known}, and its tokens would get another audience: latchkey resources adopt moves it`,
  )
}

/** @throws ServiceError `scope_taken` */
async function claimScopes(id: string, scopes: ResourceScope[], transaction: Transaction): Promise<void> {
  const own = scopes.find(({ name }) => isOwnScope(name))
  const [taken] = own ? [own.name] : await addScopes(id, scopes, transaction)
  if (taken !== undefined)
    throw new ServiceError(
      'scope_taken',
      {},
      `${taken} belongs to another resource, or to this service, or was just deleted`,
    )
}

/** @throws InvalidInput */
async function setServers(id: string, servers: string[], transaction: Transaction): Promise<void> {
  const [other] = await replaceServers(id, servers, transaction)
  if (other !== undefined)
    throw new InvalidInput('body', ['servers'], 'unknown_client', `${other} is not a confidential client`)
}

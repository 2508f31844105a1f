import { isOwnScope } from '../../auth/scope.js'
import type { Transaction } from '../../database/client.js'
import type { ManagedResource } from '../../resources/managed-resource-store.js'
import { findUnknownScopes } from '../../users/store/scopes.js'
import type { Io } from '../io.js'

/** Names of the resources that concern a client. */
export interface ClientResources {
  /** Those that its tokens can be for. */
  resources: string[]
  /** Those whose tokens it may introspect. */
  introspects: string[]
}

/** Returns which resources concern a client. */
export function resourcesOf(
  client: { clientId: string; scopes: readonly string[] },
  resources: ManagedResource[],
): ClientResources {
  const namesOf = (concerned: ManagedResource[]) => concerned.map(({ name }) => name)
  return {
    resources: namesOf(
      resources.filter(({ scopes }) => scopes.some(({ name }) => client.scopes.includes(name))),
    ),
    introspects: namesOf(resources.filter(({ servers }) => servers.includes(client.clientId))),
  }
}

/** Prints a notice about scopes of a client that no resource has: tokens with them are for this service. */
export async function printUnclaimedScopes(
  scopes: string[],
  database: Transaction,
  { stderr }: Io,
): Promise<void> {
  const ofOthers = scopes.filter((scope) => !isOwnScope(scope))
  const unclaimed = await findUnknownScopes(ofOthers, database)
  if (unclaimed.length > 0)
    stderr.write(
      `latchkey: notice: no resource has ${unclaimed.join(' ')}, so tokens with such a scope have the audience of this ` +
        'service; latchkey resources adopt moves scopes to a resource\n',
    )
}

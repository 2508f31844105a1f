import { importSet } from '../../auth/clients/jwk.js'
import type { KeySource } from '../../auth/clients/key-source.js'
import type { Client } from '../../auth/store/clients.js'
import type { ManagedResource } from '../../resources/managed-resource-store.js'
import type { Row } from '../output.js'
import { resourcesOf } from './client-resources.js'

/** Returns a client as the command line shows it. */
export function toClientRow(client: ListedClient, resources: ManagedResource[]): Row {
  return {
    client_id: client.clientId,
    name: client.name,
    type: client.confidential ? 'confidential' : 'public',
    grants: client.grants,
    scopes: client.scopes,
    ...resourcesOf(client, resources),
    rights: client.rights,
    disabled: client.disabled,
    secrets: client.secrets.map(({ createdAt, lastUsedAt }) => ({
      created_at: createdAt.toISOString(),
      last_used_at: lastUsedAt?.toISOString() ?? null,
    })),
    keys: client.keys ? describeKeys(client.keys) : [],
    trusted_issuers: client.trustedIssuers.map(({ issuer, subjectPattern, audience }) => ({
      issuer,
      subject: subjectPattern,
      audience,
    })),
    created_at: client.createdAt.toISOString(),
  }
}

/** Returns the URL of the keys, or the ids of the stored ones: the algorithms of a key without an id. */
function describeKeys({ jwks, jwksUri }: KeySource): string[] {
  if (jwksUri !== null) return [jwksUri]
  return importSet(jwks).map(({ kid, algorithms }) => String(kid ?? algorithms.join('/')))
}

type ListedClient = Omit<Client, 'secrets'> & {
  secrets: Pick<Client['secrets'][number], 'createdAt' | 'lastUsedAt'>[]
}

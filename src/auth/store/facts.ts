import type { ClientFacts, Facts, FamilyFacts, UserFacts } from '../effective.js'

/** Columns of `users`, `token_families AS family` and `clients` that decide what a token of the family permits. */
export const factColumns = `
  users.disabled, users.generation, users.scopes, password_change_required AS "passwordChangeRequired",
  user_generation AS "userGeneration", client_generation AS "clientGeneration",
  revoked_at IS NOT NULL AS "familyRevoked", clients.client_id AS "clientId", clients.disabled AS "clientDisabled",
  clients.generation AS "currentClientGeneration", clients.scopes AS "clientScopes"`

/** A row of `factColumns`. Without a family, its columns and those of its client are null. */
export type FactRow = UserFacts &
  Omit<FamilyFacts, 'revoked'> & {
    familyRevoked: boolean
    clientId: string | null
    clientDisabled: boolean
    currentClientGeneration: number
    clientScopes: string[]
  }

/** Converts a row to facts. @param revoked whether the token itself was revoked */
export function toFacts(row: FactRow, revoked: boolean): Facts & { user: UserFacts } {
  const { disabled, generation, scopes, passwordChangeRequired, userGeneration, clientGeneration } = row
  const user = { disabled, generation, scopes, passwordChangeRequired }
  if (row.clientId === null) return { user, client: null, family: null, revoked }
  return {
    user,
    client: toClientFacts(row),
    family: { userGeneration, clientGeneration, revoked: row.familyRevoked },
    revoked,
  }
}

function toClientFacts({ clientDisabled, currentClientGeneration, clientScopes }: FactRow): ClientFacts {
  return { disabled: clientDisabled, generation: currentClientGeneration, scopes: clientScopes }
}

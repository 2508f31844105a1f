import { grantedScopes } from '../../users/store/granted-scopes.js'
import type { AudienceFacts, ClientFacts, Facts, FamilyFacts, UserFacts } from '../effective.js'

/** Columns of `users`, `token_families AS family` and `clients` that decide what a token of the family permits. */
export const factColumns = `
  users.disabled, users.generation, ${grantedScopes} AS scopes, password_change_required AS "passwordChangeRequired",
  user_generation AS "userGeneration", client_generation AS "clientGeneration",
  revoked_at IS NOT NULL AS "familyRevoked", clients.client_id AS "clientId", clients.disabled AS "clientDisabled",
  clients.generation AS "currentClientGeneration", clients.scopes AS "clientScopes"`

/**
 * Condition that the resource of `token_families AS family` exists. Its login ends with the resource, while the row is removed
 * later: see `database/departures.ts`.
 */
export const hasResource = `
  (family.resource_id IS NULL OR EXISTS (SELECT FROM resources WHERE resources.id = family.resource_id))`

/** A row of `factColumns`. Without a family, its columns and those of its client are null. */
export type FactRow = UserFacts &
  Omit<FamilyFacts, 'revoked'> & {
    familyRevoked: boolean
    clientId: string | null
    clientDisabled: boolean
    currentClientGeneration: number
    clientScopes: string[]
  }

/** Columns about this service: of the scope-tokens in `$3` those that no resource defines. */
export const ownAudienceColumns = `
  false AS "audienceDisabled", NULL::int AS "audienceGeneration", ARRAY(
    SELECT one FROM unnest($3::varchar[]) AS one WHERE NOT EXISTS (SELECT FROM resource_scopes WHERE name = one)
  ) AS "audienceScopes"`

/** Columns of `resources` that decide what a token for it permits, and the scope-tokens in `$3` that belong to it. */
export const resourceColumns = `
  resources.disabled AS "audienceDisabled", resources.generation AS "audienceGeneration", ARRAY(
    SELECT name FROM resource_scopes WHERE resource_id = resources.id AND name = ANY ($3::varchar[])
  ) AS "audienceScopes"`

/** A row of `ownAudienceColumns` or `resourceColumns`. */
export interface AudienceRow {
  audienceDisabled: boolean
  audienceGeneration: number | null
  audienceScopes: string[]
}

/** Converts the columns about an audience to facts. */
export function toAudienceFacts(row: AudienceRow): AudienceFacts {
  return {
    disabled: row.audienceDisabled,
    generation: row.audienceGeneration,
    scopes: row.audienceScopes,
  }
}

/** Converts a row to facts of a login. @param revoked whether its token itself was revoked */
export function toFacts(row: FactRow, revoked: boolean): Facts & { user: UserFacts } {
  const { disabled, generation, scopes, passwordChangeRequired, userGeneration, clientGeneration } = row
  const user = { disabled, generation, scopes, passwordChangeRequired }
  if (row.clientId === null) return { user, client: null, family: null, audience: null, revoked }
  return {
    user,
    client: toClientFacts(row),
    family: { userGeneration, clientGeneration, revoked: row.familyRevoked },
    audience: null,
    revoked,
  }
}

function toClientFacts({ clientDisabled, currentClientGeneration, clientScopes }: FactRow): ClientFacts {
  return { disabled: clientDisabled, generation: currentClientGeneration, scopes: clientScopes }
}

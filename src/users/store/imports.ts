import { recordCreatedUsers } from '../../audit/event-store.js'
import { type Database, raw, type Transaction } from '../../database/client.js'
import { sqlStateOf } from '../../database/errors.js'
import { clock, newId } from '../../database/new-id.js'
import { within } from '../../database/query.js'
import { claimFreeUsernames } from '../names/free-names.js'
import { type NamedUser, nameClaim } from '../names/name-digests.js'
import { decideOutcomes, type ImportedAccount, type ImportOutcome } from './import-outcomes.js'

/** SQLSTATEs of rows that the database refuses, and of a deadlock with another import. */
const refusals = /^(22...|23...|40P01)$/

/** Thrown to roll back a transaction in which another user has taken one of the names first. */
class NameConflict extends Error {}

/** Thrown to roll back the transaction of a dry run. */
class DryRunEnd extends Error {
  readonly outcomes: ImportOutcome[]

  constructor(outcomes: ImportOutcome[]) {
    super()
    this.outcomes = outcomes
  }
}

/** Returns which of some usernames users have. */
export async function findUsernames(usernames: string[], database: Database): Promise<Set<string>> {
  const found = await database.user.findMany({
    where: { username: { in: usernames } },
    select: { username: true },
  })
  return new Set(found.map(({ username }) => username))
}

/**
 * Stores a batch of accounts in one transaction, with an event for each. An account that cannot be stored does not prevent
 * the others from being stored: if only the database rejects it, the accounts are stored one by one.
 *
 * @param macKey key for the digests of usernames; without it, the service claims the usernames when it next starts
 * @param isDryRun whether nothing is stored, and only the outcomes are returned
 */
export async function storeAccounts(
  accounts: ImportedAccount[],
  macKey: Buffer | null,
  database: Database,
  isDryRun: boolean,
): Promise<ImportOutcome[]> {
  try {
    return await storeAtOnce(accounts, macKey, database, isDryRun)
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
  const outcomes: ImportOutcome[] = []
  for (const account of accounts)
    outcomes.push(...(await storeAtOnce([account], macKey, database, isDryRun).catch(toOutcome)))
  return outcomes
}

async function storeAtOnce(
  accounts: ImportedAccount[],
  macKey: Buffer | null,
  database: Database,
  isDryRun: boolean,
): Promise<ImportOutcome[]> {
  try {
    return await database.$transaction(async (transaction) => {
      const outcomes = await decideOutcomes(accounts, macKey, transaction)
      const creatable = accounts.filter((_, index) => outcomes[index] === 'created')
      if (creatable.length > 0) await insert(creatable, macKey, transaction)
      if (isDryRun) throw new DryRunEnd(outcomes)
      return outcomes
    })
  } catch (error) {
    if (error instanceof DryRunEnd) return error.outcomes
    throw error
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof NameConflict || refusals.test(String(sqlStateOf(error)))
}

function toOutcome(error: unknown): ImportOutcome[] {
  if (!isRefusal(error)) throw error
  return [error instanceof NameConflict ? 'name_taken' : 'not_storable']
}

/** @throws NameConflict */
async function insert(
  accounts: ImportedAccount[],
  macKey: Buffer | null,
  transaction: Transaction,
): Promise<void> {
  const rows = JSON.stringify(accounts)
  const created = await insertUsers(rows, macKey && nameClaim(macKey), transaction)
  if (created.length < accounts.length) throw new NameConflict()
  if (macKey && !(await claimFreeUsernames(created, macKey, transaction))) throw new NameConflict()
  await insertHashes(rows, transaction)
  await insertRoles(rows, transaction)
  await recordCreatedUsers(created, within(transaction))
}

/** @param rows accounts as a JSON array: one parameter for all rows takes a fifth of the time of one for each value */
function insertUsers(rows: string, claim: string | null, transaction: Transaction): Promise<NamedUser[]> {
  return transaction.$queryRaw<NamedUser[]>`
    INSERT INTO users (id, username, name_claim, email, pending_email, full_name, hashed_password, disabled,
      password_change_required, scopes, subject)
    SELECT ${raw(newId)}, username, ${claim}, email, "pendingEmail", "fullName", "hashedPassword", disabled,
      "passwordChangeRequired", ARRAY(SELECT jsonb_array_elements_text(scopes)), subject
    FROM jsonb_to_recordset(${rows}::jsonb) AS account (
      username text, email text, "pendingEmail" text, "fullName" text, "hashedPassword" text, disabled boolean,
      "passwordChangeRequired" boolean, scopes jsonb, subject text
    ), ${raw(clock)}
    ON CONFLICT DO NOTHING RETURNING id, username`
}

async function insertHashes(rows: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`
    INSERT INTO imported_hashes (user_id, hash, work_kind, work_units)
    SELECT users.id, "importedHash"->>'hash', "importedHash"#>>'{work,kind}', ("importedHash"#>>'{work,units}')::int
    FROM jsonb_to_recordset(${rows}::jsonb) AS account (username text, "importedHash" jsonb) JOIN users USING (username)
    WHERE jsonb_typeof("importedHash") = 'object'`
}

async function insertRoles(rows: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`
    INSERT INTO user_roles (user_id, role)
    SELECT users.id, role FROM jsonb_to_recordset(${rows}::jsonb) AS account (username text, roles jsonb)
    JOIN users USING (username) CROSS JOIN jsonb_array_elements_text(roles) AS role`
}

import type { Database } from '../../database/client.js'
import { minCost } from '../../passwords/schemes/bcrypt.js'
import { findStoredWork, maxKinds } from '../../passwords/stored-work.js'
import type { ImportedAccount, ImportOutcome } from '../store/import-outcomes.js'
import { storeAccounts } from '../store/imports.js'
import { findGrantable, type Grantable } from '../store/scopes.js'
import {
  type AccountRow,
  hasPassword,
  maxLengths,
  RowProblem,
  type RowRules,
  readAccount,
} from './account.js'
import type { SourceRow } from './row.js'

/** Result of importing a row. */
export interface RowReport {
  row: number
  /** As the row has it; null if the row has none or cannot be read. */
  username: string | null
  outcome: 'created' | 'exists' | 'refused'
  /** Whether the user has no password. */
  withoutPassword: boolean
  /** Why it was refused. */
  problem?: string
}

/** Options of an import. */
export interface ImportOptions extends RowRules {
  /** Whether the rows are only checked, and nothing is stored. */
  dryRun: boolean
}

/** Database that an import writes to, and the key for the digests of usernames. */
export interface ImportTarget {
  database: Database
  macKey: Buffer | null
}

/** Values that rows may have in this database. */
interface RowLimits {
  /** Kinds of work of the hashes that are stored. */
  kinds: Set<string>
  grantable: Grantable
}

/** Number of rows that are stored in one transaction. */
const batchRows = 1_000

const problems: Partial<Record<ImportOutcome, string>> = {
  name_taken: 'the username, or one that looks like it, is taken; a username is never reassigned',
  subject_taken: 'subject is that of another user',
  email_taken: 'email is the confirmed address of another user',
  not_storable: 'the database refuses it',
}

/**
 * Imports users, and yields the reports of each batch of rows. A row that cannot be imported does not prevent the import of
 * others. A user who exists is left unchanged, so that an import can be repeated, and resumed after an interruption.
 */
export async function* importUsers(
  rows: AsyncIterable<SourceRow>,
  options: ImportOptions,
  target: ImportTarget,
): AsyncGenerator<RowReport[]> {
  const limits = {
    kinds: await findKinds(target.database),
    grantable: await findGrantable(target.database),
  }
  const seen = new Map<string, number>()
  for await (const batch of batchesOf(rows)) {
    const reports = await importBatch(batch, limits, options, target)
    yield reports.map((report) => refuseRepeated(report, seen))
  }
}

async function* batchesOf(rows: AsyncIterable<SourceRow>): AsyncGenerator<SourceRow[]> {
  let batch: SourceRow[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length < batchRows) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/**
 * Refuses a row whose user an earlier row has created or found: the database does not tell which of these it was. After a
 * dry run it has not even the user.
 *
 * @param seen numbers of the first rows of users
 */
function refuseRepeated(report: RowReport, seen: Map<string, number>): RowReport {
  const { row, username, outcome } = report
  if (outcome === 'refused' || username === null) return report
  const first = seen.get(username)
  if (first !== undefined) return refusalOf(row, username, `the same user as in row ${first}, which counts`)
  seen.set(username, row)
  return report
}

function refusalOf(row: number, username: string | null, problem: string): RowReport {
  return { row, username, outcome: 'refused', withoutPassword: false, problem }
}

async function importBatch(
  rows: SourceRow[],
  limits: RowLimits,
  options: ImportOptions,
  { database, macKey }: ImportTarget,
): Promise<RowReport[]> {
  const read = rows.map((row) => ({ number: row.number, account: readRow(row, limits, options) }))
  const accounts = read.flatMap(({ account }) => (account instanceof RowProblem ? [] : account))
  const outcomes = await storeAccounts(accounts, macKey, database, options.dryRun)
  const outcomeOf = new Map(accounts.map((account, index) => [account, outcomes[index] as ImportOutcome]))
  return read.map(({ number, account }) =>
    account instanceof RowProblem
      ? refusalOf(number, account.username, account.message)
      : reportOf(number, account, outcomeOf.get(account) as ImportOutcome),
  )
}

function readRow(
  row: SourceRow,
  { kinds, grantable }: RowLimits,
  rules: RowRules,
): ImportedAccount | RowProblem {
  let fields: AccountRow = {}
  try {
    fields = row.read()
    const account = readAccount(fields, rules, grantable)
    if (account.importedHash) admitKind(account.importedHash.work.kind, kinds)
    return account
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error
    return new RowProblem(error.message, toName(fields.username))
  }
}

/** Returns a username by which a row that is refused can be found, or null. */
function toName(username: unknown): string | null {
  return typeof username === 'string' && username !== '' ? username.slice(0, maxLengths.username) : null
}

/** Returns the kinds of work of the hashes that are stored, those of new passwords included. */
async function findKinds(database: Database): Promise<Set<string>> {
  return new Set((await findStoredWork(minCost, database)).map(({ kind }) => kind))
}

/** Adds a kind of work, which every login will do as well. @throws RowProblem if there are too many */
function admitKind(kind: string, kinds: Set<string>): void {
  // New passwords have a kind too.
  if (!kinds.has(kind) && kinds.size > maxKinds)
    throw new RowProblem(
      `hashes with more than ${maxKinds} combinations of algorithm and parameters cannot be imported: let users with other hashes log in first`,
    )
  kinds.add(kind)
}

function reportOf(row: number, account: ImportedAccount, outcome: ImportOutcome): RowReport {
  const { username } = account
  const problem = problems[outcome]
  if (problem !== undefined) return refusalOf(row, username, problem)
  return {
    row,
    username,
    outcome: outcome as 'created' | 'exists',
    withoutPassword: outcome === 'created' && !hasPassword(account),
  }
}

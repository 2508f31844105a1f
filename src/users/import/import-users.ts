import type { Database } from '../../database/client.js'
import type { Work } from '../../passwords/schemes/scheme.js'
import { addWork, findStoredWork, findWorkProblem } from '../../passwords/stored-work.js'
import type { ImportedAccount, ImportOutcome } from '../store/import-outcomes.js'
import { findUsernames, storeAccounts } from '../store/imports.js'
import { findGrantable, type Grantable } from '../store/scopes.js'
import {
  type AccountRow,
  hasPassword,
  maxLengths,
  RowProblem,
  type RowRules,
  readAccount,
  workOf,
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

/** Database that an import writes to. */
export interface ImportTarget {
  database: Database
  /** Key for the digests of usernames. */
  macKey: Buffer | null
  /** Cost of new hashes. */
  bcryptCost: number
}

/** Values that rows may have in this database. */
interface RowLimits {
  /** Work that every login does, that of the imported hashes included. */
  work: Work[]
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
    work: await findAllWork(target),
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
  const read = await readBatch(rows, limits, options, database)
  const accounts = read.flatMap(({ account }) => (account instanceof RowProblem ? [] : account))
  const outcomes = await storeAccounts(accounts, macKey, database, options.dryRun)
  const outcomeOf = new Map(accounts.map((account, index) => [account, outcomes[index] as ImportOutcome]))
  return read.map(({ number, account }) =>
    account instanceof RowProblem
      ? refusalOf(number, account.username, account.message)
      : reportOf(number, account, outcomeOf.get(account) as ImportOutcome),
  )
}

/** Reads rows. The hashes of users who exist are not stored, so that their work does not count. */
async function readBatch(
  rows: SourceRow[],
  limits: RowLimits,
  options: ImportOptions,
  database: Database,
): Promise<{ number: number; account: ImportedAccount | RowProblem }[]> {
  const read = rows.map((row) => ({ number: row.number, account: readRow(row, limits.grantable, options) }))
  const usernames = read.flatMap(({ account }) => (account instanceof RowProblem ? [] : account.username))
  const existing = await findUsernames(usernames, database)
  return read.map(({ number, account }) =>
    account instanceof RowProblem || existing.has(account.username)
      ? { number, account }
      : { number, account: admitWork(account, limits) },
  )
}

function readRow(row: SourceRow, grantable: Grantable, rules: RowRules): ImportedAccount | RowProblem {
  let fields: AccountRow = {}
  try {
    fields = row.read()
    return readAccount(fields, rules, grantable)
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error
    return new RowProblem(error.message, toName(fields.username))
  }
}

/** Returns a username by which a row that is refused can be found, or null. */
function toName(username: unknown): string | null {
  return typeof username === 'string' && username !== '' ? username.slice(0, maxLengths.username) : null
}

/** Returns the most work of each kind that the stored hashes take, and those of new passwords. */
async function findAllWork({ database, bcryptCost }: ImportTarget): Promise<Work[]> {
  const { shared, excess } = await findStoredWork(bcryptCost, database)
  return excess.reduce(addWork, shared)
}

/** Adds the work of an account's hash, which every login will do as well. Returns a problem if that is too much. */
function admitWork(account: ImportedAccount, limits: RowLimits): ImportedAccount | RowProblem {
  const work = addWork(limits.work, workOf(account))
  // What is stored already can be more than an import may add.
  const problem = work === limits.work ? undefined : findWorkProblem(work)
  if (problem !== undefined) return new RowProblem(problem, account.username)
  limits.work = work
  return account
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

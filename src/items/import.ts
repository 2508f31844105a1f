import type { Static } from 'typebox'
import type { Database } from '../database/client.js'
import { Unavailable } from '../errors.js'
import { BatchValidationError, type ValidationIssue } from '../http/validation-issues.js'
import type { Failures } from './failures.js'
import { type ImportReport, maxInvalidLines } from './item-schema.js'
import { addItems, type Owner } from './item-store.js'
import type { ImportLine, ImportLines } from './ndjson.js'

/** Maximum number of items that one statement adds. */
const batchRows = 200
/** Maximum length of the texts that one statement adds (characters), except that it always adds at least one item. */
const batchLength = 32_768

type Report = Static<typeof ImportReport>

/**
 * Adds all items in one transaction, or none if any line fails.
 *
 * @throws ServiceError `service_unavailable` if `signal` aborts; nothing is added then
 */
export async function importAll(
  owner: Owner,
  lines: ImportLines,
  database: Database,
  signal: AbortSignal,
): Promise<Report> {
  const { failures } = lines
  const created = failures.count > 0 ? 0 : await addAll(owner, lines, database, signal)
  return toReport(failures.count > 0 ? 0 : created, lines)
}

/** Returns the error of an import that was rejected as a whole. If reading stopped early, the last issue says where. */
export function rejectionOf({ errors, stopped_at: stoppedAt }: Report): BatchValidationError {
  if (stoppedAt === undefined) return new BatchValidationError(errors)
  const reason = `Reading stopped at this line because ${maxInvalidLines} lines were invalid`
  return new BatchValidationError([...errors, toLineIssue(stoppedAt, [], 'stopped_at', reason)])
}

/** Thrown to roll back an import in which a line has failed. */
class FailedLines extends Error {}

async function addAll(
  owner: Owner,
  { valid, failures }: ImportLines,
  database: Database,
  signal: AbortSignal,
): Promise<number> {
  let created = 0
  // The failures of a line are reported once.
  const adding = database.transactOnce(async (transaction) => {
    for (const batch of toBatches(valid)) {
      if (signal.aborted) throw new Unavailable('import_stopped')
      created += countAdded(batch, await addItems(owner, batch, transaction), failures)
    }
    if (failures.count > 0) throw new FailedLines()
  })
  await adding.catch((error) => {
    if (!(error instanceof FailedLines)) throw error
  })
  return created
}

/**
 * Adds every item that can be added, in small transactions. If `signal` aborts or the database fails half-way, the report
 * lists the lines that are not confirmed.
 *
 * @param onError called with an error after which a report is returned all the same, as some items were added before
 */
export async function importEach(
  owner: Owner,
  lines: ImportLines,
  database: Database,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<Report> {
  const { valid, failures } = lines
  let created = 0
  let isInterrupted = false
  for (const batch of toBatches(valid)) {
    isInterrupted ||= signal.aborted
    if (isInterrupted) {
      reportUnconfirmed(batch, failures)
      continue
    }
    try {
      const added = await database.$transaction((transaction) => addItems(owner, batch, transaction))
      created += countAdded(batch, added, failures)
    } catch (error) {
      if (created === 0) throw error
      onError(error)
      isInterrupted = true
      reportUnconfirmed(batch, failures)
    }
  }
  return toReport(created, lines)
}

/** Returns the number of items that were added. The others, repeated ids included, are failures. */
function countAdded(batch: ImportLine[], added: Set<string>, failures: Failures): number {
  const created = added.size
  for (const { line, itemId } of batch)
    if (!added.delete(itemId))
      failures.add([toLineIssue(line, ['item_id'], 'exists', 'An item with this id already exists')])
  return created
}

function reportUnconfirmed(batch: ImportLine[], failures: Failures): void {
  for (const { line } of batch)
    failures.add([toLineIssue(line, [], 'interrupted', 'The import ended before this line was confirmed')])
}

function toLineIssue(line: number, path: string[], type: string, msg: string): ValidationIssue {
  return { type, loc: ['body', String(line), ...path], msg, input: null }
}

/** Splits lines into batches, each of which takes little memory and little time to write. */
function* toBatches(lines: ImportLine[]): Generator<ImportLine[]> {
  let batch: ImportLine[] = []
  let length = 0
  for (const line of lines) {
    const added = (line.title?.length ?? 0) + (line.description?.length ?? 0) + line.metadata.length
    if (batch.length === batchRows || (batch.length > 0 && length + added > batchLength)) {
      yield batch
      batch = []
      length = 0
    }
    batch.push(line)
    length += added
  }
  if (batch.length > 0) yield batch
}

function toReport(created: number, { failures, stoppedAt }: ImportLines): Report {
  return {
    created,
    failed: failures.count,
    errors: [...failures.issues],
    ...(stoppedAt !== undefined && { stopped_at: stoppedAt }),
  }
}

import type { Static } from 'typebox'
import type { Database, Transaction } from '../database/client.js'
import { ServiceError } from '../errors.js'
import type { Failures } from './failures.js'
import type { ImportReport } from './item-schema.js'
import { addItems, type Owner } from './item-store.js'
import type { ImportLine, ImportLines } from './ndjson.js'

/** Maximum number of items added by one statement. */
const batchRows = 200
/** Maximum length of their texts (characters), unless a single item is longer. */
const batchLength = 32_768

/** Time for all statements of an import (milliseconds). */
export const importTimeoutMs = 15_000

type Report = Static<typeof ImportReport>

/** Adds all items, or none if a line fails. @throws ServiceError `service_unavailable` when `signal` ends it: nothing is added */
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

class Refused extends Error {}

async function addAll(
  owner: Owner,
  { valid, failures }: ImportLines,
  database: Database,
  signal: AbortSignal,
): Promise<number> {
  let created = 0
  const adding = database.$transaction(
    async (transaction) => {
      for (const batch of toBatches(valid)) {
        if (signal.aborted) throw new ServiceError('service_unavailable')
        created += await addBatch(owner, batch, failures, transaction)
      }
      if (failures.count > 0) throw new Refused()
    },
    { timeout: importTimeoutMs },
  )
  await adding.catch((error) => {
    if (!(error instanceof Refused)) throw error
  })
  return created
}

/**
 * Adds each item that can be added, in small transactions. Where `signal` or the database ends it half-way, the report
 * says which lines are not confirmed.
 *
 * @param onError told of the error that ended it after some items were added: no answer hides those
 */
export async function importEach(
  owner: Owner,
  lines: ImportLines,
  database: Transaction,
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
      created += await addBatch(owner, batch, failures, database)
    } catch (error) {
      if (created === 0) throw error
      onError(error)
      isInterrupted = true
      reportUnconfirmed(batch, failures)
    }
  }
  return toReport(created, lines)
}

/** Adds items whose id is free. How many: the others, also those whose id stood in a line before, are failures. */
async function addBatch(
  owner: Owner,
  batch: ImportLine[],
  failures: Failures,
  database: Transaction,
): Promise<number> {
  const added = await addItems(owner, batch, database)
  const created = added.size
  for (const { line, itemId } of batch)
    if (!added.delete(itemId))
      failures.add(complain(line, ['item_id'], 'exists', 'An item with this id already exists'))
  return created
}

function reportUnconfirmed(batch: ImportLine[], failures: Failures): void {
  for (const { line } of batch)
    failures.add(complain(line, [], 'interrupted', 'The import ended before this line was confirmed'))
}

function complain(line: number, path: string[], type: string, msg: string) {
  return [{ type, loc: ['body', String(line), ...path], msg, input: null }]
}

/** Splits lines into batches that take little memory, and little time to write. */
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
    errors: [...failures.complaints],
    ...(stoppedAt !== undefined && { stopped_at: stoppedAt }),
  }
}

import type { Static } from 'typebox'
import type { Database, Transaction } from '../database/index.js'
import type { Complaint } from '../errors.js'
import type { ImportLine, ImportLines } from './lines.js'
import type { ImportReport } from './schema.js'
import { addItems, type Owner } from './store.js'

/** So many rows are added by one statement. */
const batchRows = 1_000
/** So many complaints are told; the others are counted. */
const maxComplaints = 100
/** All batches of an import have so long (milliseconds). */
const importTimeoutMs = 30_000

type Report = Static<typeof ImportReport>

/** Adds all items of the lines, or none when there is something wrong with one. */
export async function importAll(owner: Owner, lines: ImportLines, database: Database): Promise<Report> {
  if (lines.complaints.length > 0) return reportOf(0, lines.complaints)
  class Refused extends Error {}
  let report = reportOf(0, [])
  const adding = database.$transaction(
    async (transaction) => {
      report = await importEach(owner, lines, transaction)
      if (report.failed > 0) throw new Refused()
    },
    { timeout: importTimeoutMs },
  )
  await adding.catch((error) => {
    if (!(error instanceof Refused)) throw error
    report = { ...report, created: 0 }
  })
  return report
}

/** Adds the items of those lines that have nothing wrong with them. */
export async function importEach(
  owner: Owner,
  { good, complaints }: ImportLines,
  database: Transaction,
): Promise<Report> {
  const all = [...complaints]
  let created = 0
  for (let start = 0; start < good.length; start += batchRows) {
    const taken = await addBatch(owner, good.slice(start, start + batchRows), database)
    created += Math.min(batchRows, good.length - start) - taken.length
    all.push(...taken)
  }
  return reportOf(created, all)
}

/** The complaints about those whose id exists already, be it from a line before. */
async function addBatch(owner: Owner, lines: ImportLine[], database: Transaction): Promise<Complaint[][]> {
  const items = lines.map(({ item }) => item)
  const added = await addItems(owner, items, database)
  return lines.flatMap(({ line, item: { itemId } }) => {
    if (added.delete(itemId)) return []
    const loc = ['body', String(line), 'item_id']
    return [[{ type: 'exists', loc, msg: 'An item of this id exists already', input: null }]]
  })
}

function reportOf(created: number, complaints: Complaint[][]): Report {
  return { created, failed: complaints.length, errors: complaints.flat().slice(0, maxComplaints) }
}

import { LRUCache } from 'lru-cache'

/** Summary of a statement, without any value. It depends on the text alone. */
export interface StatementSummary {
  /** The keyword of SQL that names what is done: a statement that reads and changes is named after its first change. */
  operation: string
  /** First table that the operation names; undefined for `COMMIT` and the like. */
  table: string | undefined
}

/** Maximum number of texts whose summaries are kept in memory. */
const maxTexts = 1_000

const summaries = new LRUCache<string, StatementSummary>({ max: maxTexts })

/** Keywords that statements begin with. A statement with another one has the operation `_OTHER`. */
const operations = [
  'BEGIN',
  'COMMIT',
  'DELETE',
  'INSERT',
  'LISTEN',
  'NOTIFY',
  'RELEASE',
  'ROLLBACK',
  'SAVEPOINT',
  'SELECT',
  'SET',
  'UPDATE',
  'WITH',
]

/** Matches the beginning of a change. `FOR UPDATE` and `DO UPDATE` are parts of other operations. */
const change = /(?<!\b(?:FOR|DO|KEY) )\b(INSERT INTO|DELETE FROM|UPDATE) /
/**
 * Matches the name after a keyword, which may be quoted and have a schema. That of a function has a parenthesis. The `FROM` of
 * `extract(epoch FROM …)` and of `IS DISTINCT FROM …` is another one.
 */
const target =
  /\b(?:(?<!\bDISTINCT |\((?!SELECT )\w+ )FROM|JOIN|INTO|UPDATE) (?:"?\w+"?\.)?"?(\w+)"?(?![\w(…])/g
/** Matches the name of a common table expression. */
const commonTable = /\b(\w+)(?: \([\w, ]*\))? AS (?:NOT )?(?:MATERIALIZED )?\(/g
/** Matches a literal text, which may be a value. */
const literal = /'[^']*'/g
/** Matches parentheses that contain no others. */
const innermost = /\([^()]*\)/g

/** Summarizes a statement. */
export function summarize(text: string): StatementSummary {
  const known = summaries.get(text)
  if (known) return known
  const summary = readSummary(text.replaceAll(literal, "''").replaceAll(/\s+/g, ' ').trim())
  summaries.set(text, summary)
  return summary
}

function readSummary(text: string): StatementSummary {
  const keyword = text.replace(/\W.*/, '').toUpperCase()
  if (!operations.includes(keyword)) return { operation: '_OTHER', table: undefined }
  const begin = keyword === 'WITH' ? change.exec(text) : null
  const operation = begin?.[1]?.replace(/ .*/, '') ?? (keyword === 'WITH' ? 'SELECT' : keyword)
  return { operation, table: findTable(text.slice(begin?.index), text) }
}

/** Returns the first table that a part of a statement names, if possible outside of subqueries. */
function findTable(part: string, whole: string): string | undefined {
  const others = new Set(['LATERAL', ...[...whole.matchAll(commonTable)].map(([, name]) => name)])
  for (const text of [withoutSubqueries(part), part])
    for (const [, name] of text.matchAll(target)) if (!others.has(name)) return name
  return undefined
}

/** Replaces what stands in parentheses, from the inside out. */
function withoutSubqueries(text: string): string {
  let rest = text
  let length: number
  do {
    length = rest.length
    rest = rest.replaceAll(innermost, '…')
  } while (rest.length < length)
  return rest
}

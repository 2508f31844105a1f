import { type SourceRow, translateRows } from '../row.js'
import { fromAuth0 } from './auth0.js'
import { readCsv } from './csv.js'
import { type FirebaseHashConfig, fromFirebase } from './firebase.js'
import { fromKeycloak } from './keycloak.js'
import { createTranslator, type Mapping } from './mapping.js'
import { readNdjson } from './ndjson.js'
import { fromSupabase } from './supabase.js'
import { readUserDocument } from './user-document.js'

/** Formats of files. */
export const fileFormats = ['ndjson', 'json', 'csv', 'keycloak', 'auth0', 'firebase', 'supabase'] as const

export type FileFormat = (typeof fileFormats)[number]

/** Rules and inputs for the translation of a source's columns. */
export interface Translation {
  mapping: Mapping
  /** Receives the names of the columns that are not imported. */
  unused: Set<string>
  /** Time of the database. */
  now: Date
  /** Password hash parameters of Firebase, if they are given. */
  firebase: FirebaseHashConfig | null
}

/** Maximum size of the part of a file that is read to detect its format (bytes). */
const maxHeadBytes = 65_536

/** Reads the rows of a file. The exports of other products have translations of their own. */
export function readRows(
  input: AsyncIterable<Buffer>,
  format: FileFormat,
  { mapping, unused, now, firebase }: Translation,
): AsyncIterable<SourceRow> {
  const byMapping = createTranslator(mapping, unused)
  switch (format) {
    case 'ndjson':
      return translateRows(readNdjson(input), byMapping)
    case 'json':
      return translateRows(readUserDocument(input), byMapping)
    case 'csv':
      return translateRows(readCsv(input), byMapping)
    case 'keycloak':
      return translateRows(readUserDocument(input), fromKeycloak)
    case 'auth0':
      return translateRows(readNdjson(input), fromAuth0)
    case 'firebase':
      return translateRows(readUserDocument(input), (user) => fromFirebase(user, firebase))
    case 'supabase':
      return translateRows(readCsv(input), (user) => fromSupabase(user, now))
  }
}

/** Returns the format of a file by its first line, and the file from its beginning. */
export async function detectFormat(
  input: AsyncIterable<Buffer>,
): Promise<{ format: FileFormat; input: AsyncIterable<Buffer> }> {
  const iterator = input[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (!beginningOf(head).includes('\n') && head.length < maxHeadBytes) {
    const { value, done } = await iterator.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  }
  return {
    format: formatOf(beginningOf(head)),
    input: whole(),
  }
}

/** Returns the text at the beginning of a file, without leading white space, of which a byte order mark is a part. */
function beginningOf(head: Buffer): string {
  return head.toString().trimStart()
}

/** @param text beginning of a file */
function formatOf(text: string): FileFormat {
  if (text.startsWith('[')) return 'json'
  const [line = ''] = text.split('\n', 1)
  if (text.startsWith('{')) return isObject(line) ? formatOfObject(line) : formatOfDocument(text)
  return /\bencrypted_password\b/.test(line) && /\bemail_confirmed_at\b/.test(line) ? 'supabase' : 'csv'
}

function formatOfObject(line: string): FileFormat {
  if (/"users" *:/.test(line)) return formatOfDocument(line)
  return /"passwordHash" *:/.test(line) ? 'auth0' : 'ndjson'
}

function formatOfDocument(text: string): FileFormat {
  return /"localId" *:/.test(text) ? 'firebase' : 'keycloak'
}

/** Returns whether a line is a whole object. If it is not, it begins a document. */
function isObject(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

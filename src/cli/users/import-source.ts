import { createReadStream, readFileSync } from 'node:fs'
import { findDatabaseUrlProblem, passwordOf } from '../../config/database-url.js'
import type { Database } from '../../database/client.js'
import { readClock } from '../../database/clock.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { type NodeScryptFormat, withNodeScrypt } from '../../users/import/node-scrypt.js'
import { type SourceRow, translateRows } from '../../users/import/row.js'
import { parseHashConfig } from '../../users/import/sources/firebase.js'
import {
  detectFormat,
  type FileFormat,
  readRows,
  type Translation,
} from '../../users/import/sources/index.js'
import { createTranslator, parseMapping } from '../../users/import/sources/mapping.js'
import { readTable } from '../../users/import/sources/table.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import type { Options } from '../run.js'

/**
 * Opens the source of an import that the arguments name.
 *
 * @param unused receives the columns that nothing is read from
 */
export async function openSource(
  file: string | undefined,
  options: Options,
  unused: Set<string>,
  database: Database,
  io: Io,
): Promise<AsyncIterable<SourceRow>> {
  const { format, hashFormat, map, table, firebaseHashConfig } = options
  const url = readUrl(options, io)
  if ((file === undefined) === (url === undefined))
    throw new CommandError(exitStatus.usage, 'specify either a file or --from')
  const translation = {
    mapping: parseMapping(String(map ?? '')),
    unused,
    now: await readClock(database),
    firebase: firebaseHashConfig === undefined ? null : parseHashConfig(readText(String(firebaseHashConfig))),
  }
  const rows =
    url === undefined
      ? await openFile(String(file), format as FileFormat | undefined, translation, io)
      : translateRows(
          readTable(url, String(table), io.env.PGPASSWORD),
          createTranslator(translation.mapping, unused),
        )
  if (hashFormat === undefined) return rows
  return translateRows(rows, (row) => withNodeScrypt(row, hashFormat as NodeScryptFormat))
}

async function openFile(
  file: string,
  given: FileFormat | undefined,
  translation: Translation,
  { stdin }: Io,
): Promise<AsyncIterable<SourceRow>> {
  if (/^\w+:\/\//.test(file))
    throw new CommandError(exitStatus.usage, 'a database is named by --from-file or --from, not as a file')
  const bytes = file === '-' ? (stdin as AsyncIterable<Buffer>) : readBytes(file)
  const { format, input } = given ? { format: given, input: bytes } : await detectFormat(bytes)
  return readRows(input, format, translation)
}

async function* readBytes(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** Names the file, unless it could be a URL with a password. Node.js puts it behind a comma. */
function unreadable(file: string, error: unknown): OperatorError {
  const name = /[:@]/.test(file) ? '' : ` ${file}`
  return new OperatorError(`the file${name} cannot be read: ${(error as Error).message.replace(/,.*/s, '')}`)
}

/** Returns the URL of the database to import from, if one is given. */
function readUrl({ from, fromFile }: Options, { stderr }: Io): string | undefined {
  if (from === undefined && fromFile === undefined) return undefined
  const given = from === undefined ? readText(String(fromFile)) : String(from)
  // SQLAlchemy's URLs name a driver too.
  const url = given.replace(/^(postgresql)\+\w+:/, '$1:')
  const problem = /^postgres(ql)?:\/\//.test(url)
    ? findDatabaseUrlProblem(url, 'reading')
    : 'must begin with postgresql://'
  if (problem) throw new CommandError(exitStatus.usage, `the URL of the database ${problem}`)
  if (from !== undefined && passwordOf(url))
    stderr.write(
      'latchkey: warning: other users of this machine can read the password in --from: use PGPASSWORD or --from-file\n',
    )
  return url
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw unreadable(file, error)
  }
}

import { closeSync, existsSync, openSync, realpathSync, writeSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { findMacKey } from '../../auth/keys/mac-key-store.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { importUsers, type RowReport } from '../../users/import/import-users.js'
import { nodeScryptCosts } from '../../users/import/node-scrypt.js'
import { fileFormats } from '../../users/import/sources/index.js'
import { countRow, createTally, type Tally } from '../../users/import/tally.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { escapeLine, printJson, toJsonLine } from '../output.js'
import { onDatabase } from '../run.js'
import { openSource } from './import-source.js'

/** Number of rows after which progress is reported. */
const progressRows = 10_000

/** `latchkey users import` */
export function addImportUsers(users: Command, io: Io): void {
  users
    .command('import [file]')
    .description(
      'import users from a file, from standard input (-), or from a table of another database; existing users stay as they are',
    )
    .addOption(
      new Option('--format <format>', 'format of the file; recognised if not given').choices(fileFormats),
    )
    .option(
      '--from <url>',
      'import from a table of this PostgreSQL database; PGPASSWORD can have its password',
    )
    .option('--from-file <path>', 'file that contains the URL of this database')
    .option('--table <name>', 'table to import from', 'users')
    .option(
      '--map <mapping>',
      'columns with other names: username=login,disabled=!is_active; roles= leaves one out',
    )
    .addOption(
      new Option('--hash-format <format>', 'format of hashes that do not state it').choices(
        Object.keys(nodeScryptCosts),
      ),
    )
    .option('--firebase-hash-config <path>', 'file with the password hash parameters of the Firebase console')
    .option('--emails-verified', 'count addresses as verified where the source does not say')
    .option('--report <path>', 'write the outcome of each row to this file, as NDJSON')
    .option('--dry-run', 'store nothing, and report what an import would do')
    .option('--force', 'accept usernames that the API would reject')
    .action(
      onDatabase(io, async function importAll({ config, database }, [file], options) {
        const unused = new Set<string>()
        const rows = await openSource(file, options, unused, database, io)
        const macKey = await findMacKey(database, sealingKeysOf(config))
        const target = { database, macKey, bcryptCost: config.bcryptCost }
        const dryRun = options.dryRun === true
        const rules = {
          dryRun,
          force: options.force === true,
          emailsVerified: options.emailsVerified === true,
        }
        const report = openReport(options.report as string | undefined, file)
        const tally = createTally()
        for await (const batch of importUsers(rows, rules, target)) {
          for (const row of batch) countRow(tally, row)
          report.write(batch)
          if (tally.rows % progressRows === 0)
            io.stderr.write(`latchkey: ${tally.rows} rows: ${summaryOf(tally)}\n`)
        }
        report.close()
        if (unused.size > 0)
          io.stderr.write(
            `latchkey: not imported: the ${unused.size === 1 ? 'column' : 'columns'} ${escapeLine([...unused].join(', '))}\n`,
          )
        printTally(tally, dryRun, options.json, io)
      }),
    )
}

/** Opens the file for the report, if there is one. @throws OperatorError if it cannot be opened or written */
function openReport(path: string | undefined, source: string | undefined) {
  if (path === undefined) return { write: () => {}, close: () => {} }
  if (source !== undefined && isSameFile(path, source))
    throw new CommandError(exitStatus.usage, 'the report would overwrite the file that is imported')
  const file = explainFailure(() => openSync(path, 'w'))
  return {
    write: (rows: RowReport[]) =>
      void explainFailure(() => writeSync(file, rows.map((row) => toJsonLine(toReportLine(row))).join(''))),
    close: () => closeSync(file),
  }
}

function isSameFile(path: string, other: string): boolean {
  return existsSync(path) && existsSync(other) && realpathSync(path) === realpathSync(other)
}

function explainFailure<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new OperatorError(`the report cannot be written: ${(error as Error).message}`)
  }
}

/** Prints the outcomes of the rows. @throws OperatorError if some were refused */
function printTally(tally: Tally, dryRun: boolean, json: unknown, io: Io): void {
  const { rows, created, existing, refused, withoutPassword, refusedRows } = tally
  if (json)
    printJson(io.stdout, {
      dry_run: dryRun,
      rows,
      created,
      existing,
      refused,
      without_password: withoutPassword,
      refused_rows: refusedRows.map(toReportLine),
    })
  else for (const line of linesOf(tally, dryRun)) io.stdout.write(`${escapeLine(line)}\n`)
  if (refused > 0)
    throw new OperatorError(`${refused} of ${rows} rows ${refused === 1 ? 'was' : 'were'} refused`)
}

function linesOf(tally: Tally, dryRun: boolean): string[] {
  const { refused, withoutPassword, refusedRows } = tally
  const lines = refusedRows.map(({ row, username, problem }) =>
    username === null ? `row ${row}: ${problem}` : `row ${row} (${username}): ${problem}`,
  )
  if (refused > lines.length) lines.push(`${refused - lines.length} more rows: --report lists them`)
  lines.push(`${dryRun ? 'An import would do this' : 'Imported'}: ${summaryOf(tally)}.`)
  if (withoutPassword > 0)
    lines.push(
      `${withoutPassword === 1 ? '1 user has no password, and needs' : `${withoutPassword} users have no password, and need`} a link of POST /account/forgot-password.`,
    )
  return lines
}

/** Returns a report with the names of members that JSON has. */
function toReportLine({ withoutPassword, ...report }: RowReport): object {
  return { ...report, without_password: withoutPassword }
}

function summaryOf({ created, existing, refused }: Tally): string {
  return `${created} created, ${existing} existing, ${refused} refused`
}

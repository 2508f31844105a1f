import type { Command } from 'commander'
import { createBackup } from '../../backup/create-backup.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onServer, requireMigrations } from '../run.js'
import { requireWritable, writeFileAtomically } from './archive-file.js'

/** `latchkey backup` */
export function addBackup(program: Command, io: Io): Command {
  return program
    .command('backup')
    .description('write an archive of the database while the service runs')
    .argument('<file>', 'archive to write, readable by its owner only; - for standard output')
    .action(
      onServer(io, async function backUp({ url }, [file = ''], { json }) {
        await requireWritable(file, io)
        await requireMigrations(url)
        const toStandardOutput = file === '-'
        const { header, rows } = toStandardOutput
          ? await createBackup(url, writeTo(io.stdout))
          : await writeFileAtomically(file, (write) => createBackup(url, write))
        const tables = header.tables.length
        const line = `Backed up ${rows} rows of ${tables} tables, as of ${header.created_at}.`
        const result = { created_at: header.created_at, tables, rows }
        printResult(toStandardOutput ? { ...io, stdout: io.stderr } : io, result, line, json)
      }),
    )
}

/**
 * Returns a function that writes to a stream, and waits until it has taken the bytes. Unlike the output of other commands, an archive is
 * useless unless its reader takes all of it.
 *
 * @throws OperatorError if it cannot be written
 */
function writeTo(output: NodeJS.WritableStream): (bytes: Uint8Array) => Promise<void> {
  output.removeAllListeners('error').on('error', () => {})
  return function write(bytes) {
    return new Promise((resolve, reject) => {
      output.write(bytes, function settle(error) {
        if (error)
          reject(new OperatorError(`the archive cannot be written: ${error.message}`, { cause: error }))
        else resolve()
      })
    })
  }
}

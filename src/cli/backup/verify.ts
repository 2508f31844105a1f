import type { Command } from 'commander'
import { verifyArchive } from '../../backup/verify.js'
import { loadConfig } from '../../config/index.js'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { openArchive } from './archive-file.js'

/** `latchkey backup verify` */
export function addVerifyBackup(backup: Command, io: Io): void {
  backup
    .command('verify')
    .description('compare an archive with its checksums, and decrypt the keys in it; needs no database')
    .argument('<file>', 'archive to read; - for standard input')
    .action(async function verify(file: string, _options: unknown, command: Command) {
      const { json } = command.optsWithGlobals()
      const sealingKeys = sealingKeysOf(loadConfig(io.env))
      const archive = await openArchive(file, io)
      const { header, rows, decrypted, undecryptable } = await verifyArchive(archive, sealingKeys)
      if (undecryptable.length > 0)
        throw new OperatorError(
          `the archive is complete, but ${undecryptable.length} of ${undecryptable.length + decrypted} secrets in it (${[...new Set(undecryptable)].join(', ')}) ` +
            'are encrypted under another KEY_ENCRYPTION_SECRET',
        )
      const { created_at, latchkey, tables } = header
      const result = { created_at, latchkey, tables: tables.length, rows, secrets: decrypted }
      const lines = [
        `The archive of Latchkey ${latchkey}, as of ${created_at}, is complete: ${rows} rows of ${tables.length} tables.`,
        `All ${decrypted} secrets in it can be decrypted.`,
      ]
      printResult(io, result, lines, json)
    })
}

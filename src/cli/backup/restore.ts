import type { Command } from 'commander'
import { recordEvent } from '../../audit/event-store.js'
import { closeStatusLists, revokeAllTokens } from '../../auth/store/revoke-all.js'
import { restoreArchive } from '../../backup/restore.js'
import { migrate, migrationStatus } from '../../database/migrations.js'
import { borrowOrCreateServer } from '../../database/provision.js'
import type { QueryTarget } from '../../database/query.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onServer, operationEvent, requireMigrations } from '../run.js'
import { openArchive } from './archive-file.js'

/** `latchkey restore` */
export function addRestore(program: Command, io: Io): void {
  program
    .command('restore')
    .description('fill a new database from an archive, and revoke all tokens that were issued before')
    .argument('<file>', 'archive to read; - for standard input')
    .option('--keep-tokens', 'keep the tokens, those that were revoked after the backup too')
    .action(async function openAndRestore(...given: unknown[]) {
      const archive = await openArchive(String(given[0]), io)
      const restore = onServer(
        io,
        async function fillDatabase({ url }, _args, { keepTokens, json }) {
          await prepareTables(url)
          const endTokens = keepTokens === true ? closeStatusLists : revokeAllTokens
          const { header, rows } = await restoreArchive(
            url,
            archive,
            async function complete(target: QueryTarget) {
              await endTokens(target)
              await recordEvent(operationEvent('backup_restored'), target)
            },
          )
          const { created_at, tables } = header
          const result = { created_at, tables: tables.length, rows, tokens_revoked: keepTokens !== true }
          const lines = [
            `Restored ${rows} rows of ${tables.length} tables, as of ${created_at}.`,
            keepTokens === true
              ? 'Tokens that were revoked since then are valid again until they expire.'
              : 'All tokens, mailed links and invitations that were issued before are revoked.',
          ]
          printResult(io, result, lines, json)
        },
        borrowOrCreateServer,
      )
      await restore(...given)
    })
}

/** Migrates a new database. @throws OperatorError if another one lacks migrations */
async function prepareTables(url: string): Promise<void> {
  const { applied } = await migrationStatus(url)
  if (applied.length === 0) await migrate(url)
  else await requireMigrations(url)
}

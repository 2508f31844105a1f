import { once } from 'node:events'
import type { Command } from 'commander'
import { exportUsers } from '../../users/export-users.js'
import type { Io } from '../io.js'
import { toJsonLine } from '../output.js'
import { onDatabase } from '../run.js'

/** `latchkey users export` */
export function addExportUsers(users: Command, io: Io): void {
  users
    .command('export')
    .description('print all users as NDJSON, which users import reads')
    .option(
      '--with-hashes',
      'include the password hashes, which let others guess the passwords: keep them secret',
    )
    .action(
      onDatabase(io, async function exportAll({ database }, _args, { withHashes }) {
        for await (const user of exportUsers(withHashes === true, database))
          if (!io.stdout.write(toJsonLine(user))) await once(io.stdout, 'drain')
      }),
    )
}

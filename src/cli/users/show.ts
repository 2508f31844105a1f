import type { Command } from 'commander'
import { findManagedUser } from '../../users/store/managed-users.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printRow } from '../output.js'
import { onDatabase } from '../run.js'
import { toUserRow } from './user-row.js'

/** `latchkey users show` */
export function addShowUser(users: Command, io: Io): void {
  users
    .command('show <username>')
    .description('show a user')
    .action(
      onDatabase(io, async function show({ database }, [username = ''], { json }) {
        const user = await findManagedUser(username, database)
        requireFound(user, 'user', username)
        printRow(io, { ...toUserRow(user), verified_email: user.email }, json)
      }),
    )
}

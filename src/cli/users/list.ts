import type { Command } from 'commander'
import { isStorable } from '../../database/storable.js'
import { listUsers } from '../../users/store/managed-users.js'
import type { Io } from '../io.js'
import { readLimit } from '../limit.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { readText } from './user-arguments.js'
import { toUserRow } from './user-row.js'

const columns = [
  'username',
  'email',
  'email_verified',
  'full_name',
  'disabled',
  'scopes',
  'roles',
  'created_at',
]

/** `latchkey users list` */
export function addListUsers(users: Command, io: Io): void {
  users
    .command('list')
    .description('list users in the order of their names')
    .option('--limit <number>', 'maximum number of users', '100')
    .option('--after <username>', 'list only users after this one')
    .action(
      onDatabase(io, async function list({ database }, _args, { limit, after, json }) {
        const page = { limit: readLimit(limit), after: readText('name', after, 255, isStorable) }
        printRows(io, (await listUsers(page, database)).map(toUserRow), columns, json)
      }),
    )
}

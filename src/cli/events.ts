import { type Command, Option } from 'commander'
import { auditActions } from '../audit/event.js'
import { listEvents, toAuditEvent } from '../audit/event-store.js'
import { isStorable } from '../database/storable.js'
import type { Io } from './io.js'
import { readLimit } from './limit.js'
import { printRows } from './output.js'
import { onDatabase } from './run.js'

const columns = ['last_at', 'action', 'outcome', 'actor', 'subject', 'address', 'count']

/** `latchkey events` */
export function addEventsCommand(program: Command, io: Io): void {
  program
    .command('events')
    .description('list audit events, newest first')
    .option('--subject <subject>', 'only events about a user, or about client:ID, resource:NAME or role:NAME')
    .addOption(new Option('--action <action>', 'only events of an action').choices(auditActions))
    .option('--limit <number>', 'maximum number of events', '100')
    .action(
      onDatabase(io, async function showEvents({ database }, _args, { subject, action, limit, json }) {
        const page = { limit: readLimit(limit), ...(action !== undefined && { action: String(action) }) }
        const about = subject === undefined ? undefined : String(subject)
        const isAnyone = about === undefined || isStorable(about)
        const found = isAnyone ? await listEvents({ ...page, subject: about }, database) : []
        printRows(io, found.map(toAuditEvent), columns, json)
      }),
    )
}

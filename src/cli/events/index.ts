import { type Command, Option } from 'commander'
import { auditActions } from '../../audit/event.js'
import { listEvents, toAuditEvent } from '../../audit/event-store.js'
import type { ListenServer } from '../../database/changes/connection.js'
import { findServerUrl } from '../../database/provision.js'
import { isStorable } from '../../database/storable.js'
import type { Io } from '../io.js'
import { readLimit } from '../limit.js'
import { printRows } from '../output.js'
import { type DatabaseContext, onDatabase } from '../run.js'
import { followEvents } from './follow.js'
import { readSince } from './since.js'

const columns = ['last_at', 'action', 'outcome', 'actor', 'subject', 'address', 'count']

/** `latchkey events` */
export function addEventsCommand(program: Command, io: Io): void {
  program
    .command('events')
    .description('list audit events, newest first')
    .option(
      '--subject <subject>',
      'only events about a user, or about client:ID, resource:NAME, role:NAME or webhook:NAME',
    )
    .addOption(new Option('--action <action>', 'only events of an action').choices(auditActions))
    .option('--since <time>', 'only events from a time on (RFC 3339), or of the last 30s, 15m, 2h or 7d')
    .option('--limit <number>', 'maximum number of events', '100')
    .addOption(
      new Option(
        '--follow',
        'print events in the order in which they are recorded, repeated ones with their last time, until Ctrl-C; with --json one object a line',
      ).conflicts('limit'),
    )
    .action(
      onDatabase(io, async function showEvents(context, _args, options) {
        const { database } = context
        const { subject, action, since, limit, follow, json } = options
        const filter = {
          after: since === undefined ? undefined : await readSince(String(since), database),
          action: action === undefined ? undefined : String(action),
          subject: subject === undefined ? undefined : String(subject),
        }
        if (follow) return followEvents(filter, () => locate(context), io, json)
        const canHaveEvents = filter.subject === undefined || isStorable(filter.subject)
        const events = canHaveEvents ? await listEvents({ ...filter, limit: readLimit(limit) }, database) : []
        printRows(io, events.map(toAuditEvent), columns, json)
      }),
    )
}

/** Returns where the database is now: an embedded one may have another address after the service has been started again. */
async function locate({ config, database: { direct } }: DatabaseContext): Promise<ListenServer> {
  const url = await findServerUrl(config)
  return url === null || url === direct.url ? direct : { url }
}

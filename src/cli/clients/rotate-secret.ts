import type { Command } from 'commander'
import { addSecret } from '../../auth/store/client-secrets.js'
import { findClient } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { makeSecret, showSecret } from './client-secret.js'

/** `latchkey clients rotate-secret` */
export function addRotateSecret(clients: Command, io: Io): void {
  clients
    .command('rotate-secret <client-id>')
    .description('create a new secret, shown only once; the previous secret remains valid')
    .action(
      onDatabase(io, async function rotateSecret(context, [clientId = ''], { json }) {
        const client = await findClient(clientId, context.database)
        requireFound(client, 'client', clientId)
        if (!client.confidential)
          throw new CommandError(exitStatus.refused, `${clientId} is a public client, which has no secret`)
        const { text, digest } = await makeSecret(context, io)
        await context.database.$transaction(async (transaction) => {
          await addSecret(clientId, digest, transaction)
          await recordOperation('client_secret_rotated', clientSubject(clientId), transaction)
        })
        printResult(io, { client_id: clientId, client_secret: text }, showSecret(clientId, text), json)
      }),
    )
}

import type { Command } from 'commander'
import { findClient } from '../../auth/store/clients.js'
import { removeTrustedIssuers } from '../../auth/store/trusted-issuers.js'
import { clientSubject } from '../../auth/subject.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey clients untrust` */
export function addUntrustIssuer(clients: Command, io: Io): void {
  clients
    .command('untrust <client-id>')
    .description('refuse tokens of a platform again; tokens of Latchkey that they got remain valid')
    .requiredOption('--issuer <url>', 'iss of the tokens')
    .option('--subject <pattern>', 'subject as it was trusted; by default every one of the issuer')
    .action(
      onDatabase(io, async function untrust({ database }, [clientId = ''], { issuer, subject, json }) {
        requireFound(await findClient(clientId, database), 'client', clientId)
        const pattern = subject === undefined ? undefined : String(subject)
        const described = `${pattern ?? 'any subject'} of ${issuer}`
        await database.$transaction(async (transaction) => {
          if (!(await removeTrustedIssuers(clientId, String(issuer), pattern, transaction)))
            throw new CommandError(exitStatus.notFound, `${clientId} does not trust ${described}`)
          await recordOperation('client_trust_removed', clientSubject(clientId), transaction)
        })
        const result = { client_id: clientId, issuer: String(issuer), subject: pattern ?? null }
        printResult(io, result, `${clientId} no longer trusts ${described}.`, json)
      }),
    )
}

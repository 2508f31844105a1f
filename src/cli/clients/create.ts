import type { Command } from 'commander'
import { userScopes } from '../../auth/scope.js'
import { setClientKeys } from '../../auth/store/client-keys.js'
import { addSecret } from '../../auth/store/client-secrets.js'
import { createClient } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readWords } from '../words-option.js'
import { grantOption, requireValidClient, rightOption, scopeOption } from './client-arguments.js'
import { printUnclaimedScopes } from './client-resources.js'
import { makeSecret, showSecret } from './client-secret.js'
import { addKeyOptions, readClientKeys } from './key-options.js'

/** `latchkey clients create` */
export function addCreateClient(clients: Command, io: Io): void {
  addKeyOptions(
    clients
      .command('create <client-id>')
      .description('create a client; the secret of a confidential client is shown only once')
      .requiredOption('--name <name>', 'display name')
      .option('--public', 'create a public client, which has no secret')
      .option('--no-secret', 'create no secret; a client with keys has none anyway')
      .addOption(grantOption())
      .addOption(scopeOption())
      .addOption(rightOption()),
  ).action(
    onDatabase(io, async function create(context, [clientId = ''], options) {
      const confidential = options.public !== true
      const defaultGrants = confidential ? ['client_credentials'] : ['password', 'refresh_token']
      const client = {
        clientId,
        name: String(options.name),
        confidential,
        grants: readWords(options.grant) ?? defaultGrants,
        scopes: readWords(options.scope) ?? (confidential ? [] : [...userScopes]),
        rights: readWords(options.right) ?? [],
      }
      const keys = readClientKeys(options)
      requireValidClient({ ...client, hasKeys: keys !== null })
      const hasSecret = confidential && !keys && options.secret !== false
      const secret = hasSecret ? await makeSecret(context, io) : null
      await context.database.$transaction(async (transaction) => {
        if (!(await createClient(client, transaction)))
          throw new CommandError(exitStatus.refused, `client ${clientId} already exists`)
        if (secret) await addSecret(clientId, secret.digest, transaction)
        if (keys) await setClientKeys(clientId, keys, transaction)
        await recordOperation('client_created', clientSubject(clientId), transaction)
      })
      await printUnclaimedScopes(client.scopes, context.database, io)
      printResult(
        io,
        { client_id: clientId, client_secret: secret?.text ?? null },
        secret ? showSecret(clientId, secret.text) : `Created ${clientId}.`,
        options.json,
      )
    }),
  )
}

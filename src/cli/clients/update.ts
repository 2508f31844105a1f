import type { Command } from 'commander'
import { removeClientKeys, type StoredKeySource, setClientKeys } from '../../auth/store/client-keys.js'
import { removeSecrets } from '../../auth/store/client-secrets.js'
import { findClient, updateClient } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { type OpenTransaction, type Options, onDatabase, recordOperation } from '../run.js'
import { readWords } from '../words-option.js'
import { grantOption, requireValidClient, scopeOption } from './client-arguments.js'
import { printUnclaimedScopes } from './client-resources.js'
import { addKeyOptions, readClientKeys } from './key-options.js'

/** `latchkey clients update` */
export function addUpdateClient(clients: Command, io: Io): void {
  addKeyOptions(
    clients
      .command('update <client-id>')
      .description('change the name of a client, or replace its grants, scopes or keys; the rest is kept')
      .option('--name <name>', 'display name')
      .addOption(grantOption())
      .addOption(scopeOption())
      .option('--remove-keys', 'remove its keys')
      .option(
        '--remove-secrets',
        'remove its secrets, so that it authenticates with keys or a platform only',
      ),
  ).action(
    onDatabase(io, async function update({ database }, [clientId = ''], options) {
      const { properties, credentials } = readChanges(options)
      const client = await findClient(clientId, database)
      requireFound(client, 'client', clientId)
      requireValidClient({ ...client, ...properties, hasKeys: credentials.keys !== null })
      await database.$transaction(async (transaction) => {
        if (properties) {
          requireFound(await updateClient(clientId, properties, transaction), 'client', clientId)
          await recordOperation('client_changed', clientSubject(clientId), transaction)
        }
        await changeCredentials(clientId, credentials, transaction)
      })
      if (properties) await printUnclaimedScopes(properties.scopes ?? [], database, io)
      const { name, grants, scopes } = { ...client, ...properties }
      printResult(io, { client_id: clientId, name, grants, scopes }, `Changed ${clientId}.`, options.json)
    }),
  )
}

/** Changes of what a client authenticates with. */
interface CredentialChanges {
  keys: StoredKeySource | null
  removesKeys: boolean
  removesSecrets: boolean
}

async function changeCredentials(
  clientId: string,
  { keys, removesKeys, removesSecrets }: CredentialChanges,
  transaction: OpenTransaction,
): Promise<void> {
  if (keys) await setClientKeys(clientId, keys, transaction)
  if (removesKeys) await removeClientKeys(clientId, transaction)
  if (keys || removesKeys) await recordOperation('client_keys_changed', clientSubject(clientId), transaction)
  if (!removesSecrets) return
  await removeSecrets(clientId, transaction)
  await recordOperation('client_secrets_removed', clientSubject(clientId), transaction)
}

/** @throws CommandError if nothing is to be changed, or the options contradict each other */
function readChanges(options: Options) {
  const { name, grant, scope } = options
  const grants = readWords(grant)
  const scopes = readWords(scope)
  const credentials: CredentialChanges = {
    keys: readClientKeys(options),
    removesKeys: options.removeKeys === true,
    removesSecrets: options.removeSecrets === true,
  }
  if (credentials.keys && credentials.removesKeys)
    throw new CommandError(exitStatus.usage, '--remove-keys excludes --jwks and --jwks-uri')
  const hasProperties = name !== undefined || grants !== null || scopes !== null
  if (!hasProperties && !credentials.keys && !credentials.removesKeys && !credentials.removesSecrets)
    throw new CommandError(exitStatus.usage, 'specify --name, --grant, --scope or what it authenticates with')
  const properties = hasProperties && {
    ...(name !== undefined && { name: String(name) }),
    ...(grants && { grants }),
    ...(scopes && { scopes }),
  }
  return { properties, credentials }
}

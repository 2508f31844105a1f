import { type Command, Option } from 'commander'
import { grants } from '../auth/grants/index.js'
import { macKeyReplaced } from '../auth/keys/mac.js'
import { getOrCreateMacKey } from '../auth/keys/mac-key-store.js'
import { sealingKeysOf } from '../auth/keys/sealing-keys.js'
import { isScope, maxScopeLength, userScopes } from '../auth/scope.js'
import { digestClientSecret, newClientSecret } from '../auth/secrets.js'
import {
  addSecret,
  clientIdSyntax,
  clientRights,
  createClient,
  deleteClient,
  findClient,
  listClients,
  setClientDisabled,
  setClientRights,
} from '../auth/store/clients.js'
import { clientSubject } from '../auth/subject.js'
import { isSingleLine } from '../database/storable.js'
import type { Io } from './io.js'
import { printResult, printRows } from './output.js'
import { CommandError, type DatabaseContext, exitStatus, onDatabase, recordOperation } from './run.js'

/** `latchkey clients …` */
export function addClientCommands(program: Command, io: Io): void {
  const clients = program.command('clients').description('create, list, change, disable and delete clients')

  clients
    .command('create <client-id>')
    .description('create a client; the secret of a confidential client is shown only once')
    .requiredOption('--name <name>', 'display name')
    .option('--public', 'create a public client, which has no secret')
    .addOption(
      new Option('--grant <grants...>', 'grants that the client may use').choices(Object.keys(grants)),
    )
    .option('--scope <scopes...>', 'scopes that its tokens may have')
    .addOption(rightOption())
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function create(context, [clientId = ''], options) {
        const confidential = options.public !== true
        const client = {
          clientId,
          name: String(options.name),
          confidential,
          grants:
            list(options.grant) ?? (confidential ? ['client_credentials'] : ['password', 'refresh_token']),
          scopes: list(options.scope) ?? (confidential ? [] : [...userScopes]),
          rights: list(options.right) ?? [],
        }
        checkClient(client)
        const secret = confidential ? await makeSecret(context, io) : null
        await context.database.$transaction(async (transaction) => {
          if (!(await createClient(client, transaction)))
            throw new CommandError(exitStatus.refused, `client ${clientId} already exists`)
          if (secret) await addSecret(clientId, secret.digest, transaction)
          await recordOperation('client_created', clientSubject(clientId), transaction)
        })
        printResult(
          io,
          { client_id: clientId, client_secret: secret?.text ?? null },
          secret ? showSecret(clientId, secret.text) : `Created ${clientId}.`,
          options.json,
        )
      }),
    )

  clients
    .command('list')
    .description('list clients, with the times when their secrets were created and last used')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function showClients({ database }, _args, { json }) {
        const rows = (await listClients(database)).map((client) => ({
          client_id: client.clientId,
          name: client.name,
          type: client.confidential ? 'confidential' : 'public',
          grants: client.grants,
          scopes: client.scopes,
          rights: client.rights,
          disabled: client.disabled,
          secrets: client.secrets.map(
            ({ createdAt, lastUsedAt }) =>
              `${createdAt.toISOString()}/${lastUsedAt?.toISOString() ?? 'never-used'}`,
          ),
        }))
        const columns = ['client_id', 'name', 'type', 'grants', 'scopes', 'rights', 'disabled', 'secrets']
        printRows(io, rows, columns, json)
      }),
    )

  clients
    .command('set-rights <client-id>')
    .description('replace the rights of a confidential client; without --right, remove them all')
    .addOption(rightOption())
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function setRights({ database }, [clientId = ''], { right, json }) {
        const rights = list(right) ?? []
        const client = await findClient(clientId, database)
        requireFound(client !== null, clientId)
        await database.$transaction(async (transaction) => {
          if (!(await setClientRights(clientId, rights, transaction)))
            throw new CommandError(
              exitStatus.refused,
              `${clientId} is a public client, which cannot have rights`,
            )
          await recordOperation('client_rights_changed', clientSubject(clientId), transaction)
        })
        const sentence = `${clientId} has ${rights.join(' ') || 'no rights'}.`
        printResult(io, { client_id: clientId, rights }, sentence, json)
      }),
    )

  clients
    .command('rotate-secret <client-id>')
    .description('create a new secret, shown only once; the previous secret remains valid')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function rotateSecret(context, [clientId = ''], { json }) {
        const client = await findClient(clientId, context.database)
        requireFound(client !== null, clientId)
        if (!client?.confidential)
          throw new CommandError(exitStatus.refused, `${clientId} is a public client, which has no secret`)
        const { text, digest } = await makeSecret(context, io)
        await context.database.$transaction(async (transaction) => {
          await addSecret(clientId, digest, transaction)
          await recordOperation('client_secret_rotated', clientSubject(clientId), transaction)
        })
        printResult(io, { client_id: clientId, client_secret: text }, showSecret(clientId, text), json)
      }),
    )

  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    clients
      .command(`${verb} <client-id>`)
      .description(disabled ? 'disable a client and revoke all tokens issued to it' : 'enable a client again')
      .option('--json', 'print JSON')
      .action(
        onDatabase(io, async function setDisabled({ database }, [clientId = ''], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await setClientDisabled(clientId, disabled, transaction), clientId)
            const action = disabled ? 'client_disabled' : 'client_enabled'
            await recordOperation(action, clientSubject(clientId), transaction)
          })
          printResult(io, { client_id: clientId, disabled }, `${clientId} is ${verb}d.`, json)
        }),
      )
  }

  clients
    .command('delete <client-id>')
    .description('delete a client and revoke all tokens issued to it')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function remove({ database }, [clientId = ''], { json }) {
        await database.$transaction(async (transaction) => {
          requireFound(await deleteClient(clientId, transaction), clientId)
          await recordOperation('client_deleted', clientSubject(clientId), transaction)
        })
        printResult(io, { client_id: clientId, deleted: true }, `Deleted ${clientId}.`, json)
      }),
    )
}

function rightOption(): Option {
  const description = 'rights of the client: with introspect it may introspect every access token'
  return new Option('--right <rights...>', description).choices(clientRights)
}

async function makeSecret(
  { config, database }: DatabaseContext,
  { stderr }: Io,
): Promise<{ text: string; digest: Buffer }> {
  const macKey = await getOrCreateMacKey(database, sealingKeysOf(config), () =>
    stderr.write(`latchkey: the secrets of all clients were removed: ${macKeyReplaced}\n`),
  )
  const text = newClientSecret()
  return { text, digest: digestClientSecret(text, macKey) }
}

function showSecret(clientId: string, secret: string): string[] {
  return [`client_id      ${clientId}`, `client_secret  ${secret}`, 'The secret is not shown again.']
}

function checkClient(client: {
  clientId: string
  name: string
  confidential: boolean
  grants: string[]
  scopes: string[]
  rights: string[]
}) {
  const { clientId, name, confidential, grants, scopes, rights } = client
  const problems: [boolean, string][] = [
    [
      !clientIdSyntax.test(clientId),
      'a client ID must have 1 to 64 letters, digits, dots, underscores or hyphens',
    ],
    [
      name.length > 255 || !isSingleLine(name),
      'a name must have at most 255 characters and no control characters',
    ],
    [!scopes.every(isScope), 'a scope must consist of printable ASCII characters other than space, " and \\'],
    [
      scopes.join(' ').length > maxScopeLength,
      `all scopes together must have at most ${maxScopeLength} characters`,
    ],
    [!confidential && rights.length > 0, 'a public client cannot have rights'],
    [!confidential && grants.includes('client_credentials'), 'a public client cannot use client_credentials'],
  ]
  const problem = problems.find(([isProblem]) => isProblem)
  if (problem) throw new CommandError(exitStatus.usage, problem[1])
}

function requireFound(found: boolean, clientId: string): void {
  if (!found) throw new CommandError(exitStatus.notFound, `there is no client ${clientId}`)
}

function list(option: unknown): string[] | null {
  return Array.isArray(option) ? [...new Set(option.map(String))] : null
}

import { type Command, Option } from 'commander'
import { findMacKey } from '../auth/keys/mac-key-store.js'
import { sealingKeysOf } from '../auth/keys/sealing-keys.js'
import { isStorable } from '../database/storable.js'
import { hashPassword } from '../passwords/bcrypt.js'
import { findPasswordProblem, type PasswordOwner } from '../users/password-rules.js'
import { grantableScopes } from '../users/scopes.js'
import { createUser, deleteUser, findOwner } from '../users/store/accounts.js'
import { setPassword } from '../users/store/credentials.js'
import { findEmails } from '../users/store/emails.js'
import { createOperatorInvitation } from '../users/store/invitations.js'
import { listUsers, setUserDisabled, updateUser } from '../users/store/managed-users.js'
import type { Io } from './io.js'
import { printResult, printRows } from './output.js'
import { readNewPassword } from './password.js'
import { CommandError, exitStatus, type Options, onDatabase, recordOperation } from './run.js'
import {
  findEmailProblem,
  findNameProblem,
  readText,
  readUsername,
  rulesUnlessForced,
} from './user-arguments.js'

const force = ['--force', 'accept values that the API would reject'] as const
const noChangeRequired = [
  '--no-change-required',
  'let the user keep the password; otherwise they must change it before anything else',
] as const

/** `latchkey users …` */
export function addUserCommands(program: Command, io: Io): void {
  const users = program.command('users').description('create, list, change, disable and delete users')

  users
    .command('create <username>')
    .description('create a user; prompts for the password, or reads it from standard input')
    .option('--email <address>', 'e-mail address')
    .option('--full-name <name>', 'display name')
    .option('--disabled', 'create the user disabled')
    .option(...noChangeRequired)
    .option(...force)
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function create({ config, database }, [username = ''], options) {
        const email = readText('e-mail address', options.email, 254)
        const fullName = readText('full name', options.fullName, 255)
        const name = readUsername(username)
        const requireRule = rulesUnlessForced(options, io)
        requireRule('username', findNameProblem(name))
        requireRule('e-mail address', email === null ? undefined : findEmailProblem(email))
        const hashedPassword = await readHash({ username: name, emails: [email] }, config.bcryptCost, options)
        const disabled = options.disabled === true
        const passwordChangeRequired = options.changeRequired === true
        const user = { username: name, email, fullName, hashedPassword, disabled, passwordChangeRequired }
        const macKey = await findMacKey(database, sealingKeysOf(config))
        await database.$transaction(async (transaction) => {
          if (!(await createUser(user, macKey, transaction)))
            throw new CommandError(
              exitStatus.refused,
              `the username ${name}, one that looks like it, or the e-mail address is taken; a username is never reassigned`,
            )
          await recordOperation('user_created', name, transaction)
        })
        printResult(
          io,
          {
            username: name,
            email,
            full_name: fullName,
            disabled,
            password_change_required: passwordChangeRequired,
          },
          `Created ${name}.`,
          options.json,
        )
      }),
    )

  users
    .command('list')
    .description('list users in the order of their names')
    .option('--limit <number>', 'maximum number of users', '100')
    .option('--after <username>', 'list only users after this one')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function list({ database }, _args, { limit, after, json }) {
        if (!/^[1-9]\d{0,3}$/.test(String(limit)))
          throw new CommandError(exitStatus.usage, 'a limit must be an integer from 1 to 9999')
        const found = await listUsers(
          { limit: Number(limit), after: readText('name', after, 255, isStorable) },
          database,
        )
        const rows = found.map(({ username, email, fullName, disabled, createdAt }) => ({
          username,
          email,
          full_name: fullName,
          disabled,
          created_at: createdAt.toISOString(),
        }))
        printRows(io, rows, ['username', 'email', 'full_name', 'disabled', 'created_at'], json)
      }),
    )

  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    users
      .command(`${verb} <username>`)
      .description(disabled ? 'disable a user and revoke all of their tokens' : 'enable a user again')
      .option('--json', 'print JSON')
      .action(
        onDatabase(io, async function setDisabled({ database }, [username = ''], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await setUserDisabled(username, disabled, transaction), username)
            await recordOperation(disabled ? 'user_disabled' : 'user_enabled', username, transaction)
          })
          printResult(io, { username, disabled }, `${username} is ${verb}d.`, json)
        }),
      )
  }

  users
    .command('set-password <username>')
    .description(
      'set a password and revoke all tokens of the user; prompts for it, or reads it from standard input',
    )
    .option(...noChangeRequired)
    .option(...force)
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function changePassword({ config, database }, [username = ''], options) {
        const user = await findOwner(username, database)
        requireFound(user !== null, username)
        const { email, pendingEmail } = await findEmails(user.id, database)
        const owner = { username, emails: [email, pendingEmail] }
        const hashedPassword = await readHash(owner, config.bcryptCost, options)
        const passwordChangeRequired = options.changeRequired === true
        const changes = { hashedPassword, passwordChangeRequired }
        await database.$transaction(async (transaction) => {
          requireFound(await setPassword(username, changes, transaction), username)
          await recordOperation('password_changed', username, transaction)
        })
        printResult(
          io,
          { username, password_change_required: passwordChangeRequired },
          `${username} has a new password.`,
          options.json,
        )
      }),
    )

  users
    .command('set-scopes <username>')
    .description('replace the additional scopes of a user; without --scope, remove them all')
    .addOption(new Option('--scope <scope...>', 'additional scope').choices(grantableScopes).default([]))
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function setScopes({ database }, [username = ''], { scope, json }) {
        const scopes = [...new Set(scope as string[])]
        await database.$transaction(async (transaction) => {
          requireFound((await updateUser(username, { scopes }, transaction)) !== null, username)
          await recordOperation('scopes_changed', username, transaction)
        })
        printResult(
          io,
          { username, scopes },
          `${username} has ${scopes.join(' ') || 'no additional scopes'}.`,
          json,
        )
      }),
    )

  users
    .command('invite')
    .description('create an invitation, with which one person can register')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function invite({ database }, _args, { json }) {
        const invitation = await database.$transaction(async (transaction) => {
          await recordOperation('invitation_created', null, transaction)
          return createOperatorInvitation(transaction)
        })
        printResult(io, { invitation }, `Invitation, valid once within 7 days: ${invitation}`, json)
      }),
    )

  users
    .command('delete <username>')
    .description('delete a user and everything they own')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function remove({ database }, [username = ''], { json }) {
        await database.$transaction(async (transaction) => {
          requireFound(await deleteUser(username, transaction), username)
          await recordOperation('user_deleted', username, transaction)
        })
        printResult(io, { username, deleted: true }, `Deleted ${username}.`, json)
      }),
    )

  async function readHash(owner: PasswordOwner, cost: number, options: Options): Promise<string> {
    const requireRule = rulesUnlessForced(options, io)
    const password = await readNewPassword(io, async (given) =>
      requireRule('password', await findPasswordProblem(given, owner)),
    )
    return hashPassword(password, cost)
  }
}

function requireFound(found: boolean, username: string): asserts found {
  if (!found) throw new CommandError(exitStatus.notFound, `there is no user ${username}`)
}

import { type Command, Option } from 'commander'
import { sealingKeysOf } from '../auth/keys/ring.js'
import { findMacKey } from '../auth/keys/store.js'
import { clientOf } from '../auth/subject.js'
import { hashPassword } from '../passwords/bcrypt.js'
import { isSingleLine, isStorable } from '../schema.js'
import { createInvitation } from '../users/one-time-tokens.js'
import { grantableScopes } from '../users/scopes.js'
import {
  createUser,
  deleteUser,
  listUsers,
  setPassword,
  setUserDisabled,
  updateUser,
} from '../users/store.js'
import { printResult, printRows } from './output.js'
import { readNewPassword } from './password.js'
import { CommandError, exitStatus, type Io, onDatabase } from './run.js'

/** `latchkey users …` */
export function addUserCommands(program: Command, io: Io): void {
  const users = program.command('users').description('create, list, disable and delete users')

  users
    .command('create <username>')
    .description('create a user; the password is asked for, or read from standard input')
    .option('--email <address>', 'e-mail address')
    .option('--full-name <name>', 'the name to show to people')
    .option('--disabled', 'locked out from the start')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function create({ config, database, record }, [username = ''], options) {
        const email = readText('e-mail address', options.email, 254)
        const fullName = readText('full name', options.fullName, 255)
        const name = readUsername(username)
        const hashedPassword = await hashPassword(await readNewPassword(io), config.bcryptCost)
        const disabled = options.disabled === true
        const user = { username: name, email, fullName, hashedPassword, disabled }
        const macKey = await findMacKey(database, sealingKeysOf(config))
        if (!(await database.$transaction((transaction) => createUser(user, macKey, transaction))))
          throw new CommandError(
            exitStatus.refused,
            `the name ${name}, one that looks like it, or the address is taken: a name is for good`,
          )
        await record('user_created', name)
        printResult(
          io,
          { username: name, email, full_name: fullName, disabled },
          `Created ${name}.`,
          options.json,
        )
      }),
    )

  users
    .command('list')
    .description('list users by name')
    .option('--limit <number>', 'so many at most', '100')
    .option('--after <username>', 'go on after this one')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function list({ database }, _args, { limit, after, json }) {
        if (!/^[1-9]\d{0,3}$/.test(String(limit)))
          throw new CommandError(exitStatus.usage, 'a limit is a number from 1 to 9999')
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
      .description(disabled ? 'lock a user out, and end all his tokens' : 'let a user in again')
      .option('--json', 'print JSON')
      .action(
        onDatabase(io, async function setDisabled({ database, record }, [username = ''], { json }) {
          requireFound(await setUserDisabled(username, disabled, database), username)
          await record(disabled ? 'user_disabled' : 'user_enabled', username)
          printResult(io, { username, disabled }, `${username} is ${verb}d.`, json)
        }),
      )
  }

  users
    .command('set-password <username>')
    .description(
      'set a password, and end all tokens of the user; it is asked for, or read from standard input',
    )
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function changePassword({ config, database, record }, [username = ''], { json }) {
        const hashedPassword = await hashPassword(await readNewPassword(io), config.bcryptCost)
        requireFound(await setPassword(username, hashedPassword, database), username)
        await record('password_changed', username)
        printResult(io, { username }, `${username} has a new password.`, json)
      }),
    )

  users
    .command('set-scopes <username>')
    .description('set what a user may do beyond what all may; none takes all of it away')
    .addOption(new Option('--scope <scope...>', 'one of them').choices(grantableScopes).default([]))
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function setScopes({ database, record }, [username = ''], { scope, json }) {
        const scopes = [...new Set(scope as string[])]
        requireFound((await updateUser(username, { scopes }, database)) !== null, username)
        await record('scopes_changed', username)
        printResult(
          io,
          { username, scopes },
          `${username} has ${scopes.join(' ') || 'no scopes of his own'}.`,
          json,
        )
      }),
    )

  users
    .command('invite')
    .description('make an invitation, with which one person can register')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function invite({ database, record }, _args, { json }) {
        const invitation = await createInvitation(database)
        await record('invitation_created', null)
        printResult(io, { invitation }, `Invitation, good once, for 7 days: ${invitation}`, json)
      }),
    )

  users
    .command('delete <username>')
    .description('delete a user, and all that the user owns')
    .option('--json', 'print JSON')
    .action(
      onDatabase(io, async function remove({ database, record }, [username = ''], { json }) {
        requireFound(await deleteUser(username, database), username)
        await record('user_deleted', username)
        printResult(io, { username, deleted: true }, `Deleted ${username}.`, json)
      }),
    )
}

function requireFound(found: boolean, username: string): void {
  if (!found) throw new CommandError(exitStatus.notFound, `there is no user ${username}`)
}

function readUsername(username: string): string {
  if (readText('username', username, 255) === null || clientOf(username) !== null)
    throw new CommandError(exitStatus.usage, 'a username does not begin with "client:" and is not empty')
  if (/^[.]+$/.test(username))
    throw new CommandError(exitStatus.usage, 'a username is not made of dots alone: no address can name it')
  return username
}

function readText(what: string, text: unknown, maxLength: number, isFit = isSingleLine): string | null {
  if (typeof text !== 'string' || text === '') return null
  if (text.length > maxLength || !isFit(text))
    throw new CommandError(
      exitStatus.usage,
      `the ${what} has more than ${maxLength} characters, or a control character`,
    )
  return text
}

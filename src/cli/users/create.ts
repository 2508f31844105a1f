import type { Command } from 'commander'
import { findMacKey } from '../../auth/keys/mac-key-store.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { findEmailProblem, findNameProblem } from '../../users/account-rules.js'
import { createUser, type NewUser } from '../../users/store/accounts.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { addPasswordOptions } from '../password.js'
import { type DatabaseContext, onDatabase, recordOperation } from '../run.js'
import { readWords, wordsOption } from '../words-option.js'
import { readText, readUsername, rulesUnlessForced, userOptions } from './user-arguments.js'
import { readHash, showPassword } from './user-password.js'
import { grantRoles, requireKnownScopes, scopeOption } from './user-scopes.js'

/** `latchkey users create` */
export function addCreateUser(users: Command, io: Io): void {
  const command = users
    .command('create <username>')
    .description('create a user; prompts for the password, or reads it from standard input')
    .option('--email <address>', 'e-mail address')
    .option(...userOptions.unverified)
    .option('--full-name <name>', 'display name')
    .option('--disabled', 'create the user disabled')
    .addOption(scopeOption())
    .addOption(wordsOption('--role <role>', 'role of the user'))
  addPasswordOptions(command)
    .option(...userOptions.noChangeRequired)
    .option(...userOptions.force)
    .action(
      onDatabase(io, async function create(context, [username = ''], options) {
        const email = readText('e-mail address', options.email, 254)
        const fullName = readText('full name', options.fullName, 255)
        const name = readUsername(username)
        const requireRule = rulesUnlessForced(options, io)
        requireRule('username', findNameProblem(name))
        requireRule('e-mail address', email === null ? undefined : findEmailProblem(email))
        const scopes = readWords(options.scope) ?? []
        await requireKnownScopes(scopes, context.database)
        const owner = { username: name, emails: [email] }
        const { hashedPassword, generated } = await readHash(owner, context.config.bcryptCost, options, io)
        const user = {
          username: name,
          email: options.unverified ? null : email,
          pendingEmail: options.unverified ? email : null,
          fullName,
          hashedPassword,
          disabled: options.disabled === true,
          passwordChangeRequired: options.changeRequired === true,
          scopes,
        }
        const roles = readWords(options.role) ?? []
        await storeUser(user, roles, context)
        printResult(
          io,
          {
            username: name,
            email,
            full_name: fullName,
            disabled: user.disabled,
            password_change_required: user.passwordChangeRequired,
            scopes: user.scopes,
            roles,
            password: generated,
          },
          [`Created ${name}.`, ...showPassword(generated)],
          options.json,
        )
      }),
    )
}

async function storeUser(
  user: NewUser & { scopes: string[] },
  roles: string[],
  { config, database }: DatabaseContext,
): Promise<void> {
  const macKey = await findMacKey(database, sealingKeysOf(config))
  await database.$transaction(async (transaction) => {
    await requireKnownScopes(user.scopes, transaction)
    if (!(await createUser(user, macKey, transaction)))
      throw new CommandError(
        exitStatus.refused,
        `the username ${user.username}, one that looks like it, or the e-mail address is taken; a username is never reassigned`,
      )
    await recordOperation('user_created', user.username, transaction)
    if (user.scopes.length > 0) await recordOperation('scopes_changed', user.username, transaction)
    await grantRoles(user.username, roles, transaction)
  })
}

import type { Command } from 'commander'
import type { Transaction } from '../../database/client.js'
import { changeScopes, updateUser } from '../../users/store/managed-users.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { requireScopeChange } from '../scope-arguments.js'
import { readWords, wordsOption } from '../words-option.js'
import { requireFewScopes, requireKnownScopes, scopeOption } from './user-scopes.js'

/** `latchkey users set-scopes` */
export function addSetScopes(users: Command, io: Io): void {
  users
    .command('set-scopes <username>')
    .description(
      "add or remove additional scopes of a user, or replace them all; --scope '' removes them all",
    )
    .addOption(wordsOption('--add <scope>', 'scope to add to those of the user'))
    .addOption(wordsOption('--remove <scope>', 'scope to remove'))
    .addOption(scopeOption())
    .action(
      onDatabase(io, async function setScopes({ database }, [username = ''], options) {
        const change = readChange(options)
        const scopes = await database.$transaction(async (transaction) => {
          await requireKnownScopes(namedScopes(options), transaction)
          const changed = await change(username, transaction)
          requireFound(changed, 'user', username)
          requireFewScopes(changed)
          await recordOperation('scopes_changed', username, transaction)
          return changed
        })
        const sentence = `${username} has ${scopes?.join(' ') || 'no additional scopes'}.`
        printResult(io, { username, scopes }, sentence, options.json)
      }),
    )
}

/** Returns all scopes that the options name, so that a misspelt one is refused, also where it is to be removed. */
function namedScopes(options: Record<string, unknown>): string[] {
  return [options.scope, options.add, options.remove].flatMap((option) => readWords(option) ?? [])
}

/** Returns the change that the options ask for. Its result is the scopes that the user has then, or null without the user. */
function readChange(options: Record<string, unknown>) {
  requireScopeChange(options)
  const scopes = readWords(options.scope)
  const change = { add: readWords(options.add) ?? [], remove: readWords(options.remove) ?? [] }
  return async (username: string, transaction: Transaction): Promise<string[] | null> =>
    scopes
      ? ((await updateUser(username, { scopes }, transaction))?.scopes ?? null)
      : changeScopes(username, change, transaction)
}

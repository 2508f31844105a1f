import type { Command } from 'commander'
import { listKeys, retireUnlessSigning } from '../auth/keys/key-store.js'
import { stateOf } from '../auth/keys/lifecycle.js'
import { requireCurrentSecret } from '../auth/keys/mac-key-store.js'
import { rotateKeys, rotationPlan } from '../auth/keys/rotation.js'
import { readClock } from '../database/clock.js'
import { sealingKeysOf } from '../sealing/sealing-keys.js'
import { CommandError, exitStatus } from './command-error.js'
import type { Io } from './io.js'
import { printResult, printRows } from './output.js'
import { type DatabaseContext, onDatabase, recordOperation } from './run.js'

/** `latchkey keys …` */
export function addKeyCommands(program: Command, io: Io): void {
  const keys = program.command('keys').description('list, rotate and retire the keys that sign tokens')
  addListKeys(keys, io)
  addRotateKeys(keys, io)
  addRetireKey(keys, io)
}

/** `latchkey keys list` */
function addListKeys(keys: Command, io: Io): void {
  keys
    .command('list')
    .description('list the keys and their states')
    .action(
      onDatabase(io, async function showKeys({ database }, _args, { json }) {
        const [all, now] = await Promise.all([listKeys(database), readClock(database)])
        const rows = all.map((key) => ({
          kid: key.kid,
          algorithm: key.algorithm,
          state: stateOf(key, all, now),
          published_at: key.createdAt.toISOString(),
          signs_at: key.signsAt.toISOString(),
          retired_at: key.retiredAt?.toISOString() ?? null,
        }))
        printRows(io, rows, ['kid', 'algorithm', 'state', 'published_at', 'signs_at', 'retired_at'], json)
      }),
    )
}

/** `latchkey keys rotate` */
function addRotateKeys(keys: Command, io: Io): void {
  keys
    .command('rotate')
    .description('publish a new key, which signs as soon as cached public keys have expired')
    .option('--now', 'let the new key sign immediately, for example because the old key was stolen')
    .action(
      onDatabase(io, async function rotate(context, _args, { now, json }) {
        requireRing(context)
        const plan = { ...rotationPlan(context.config), ...(now === true && { leadSeconds: 0 }) }
        const { kid, signsAt } = await context.database.$transaction(async (transaction) => {
          const sealingKeys = sealingKeysOf(context.config)
          await requireCurrentSecret(transaction, sealingKeys)
          const made = await rotateKeys(
            transaction,
            plan,
            sealingKeys[0],
            (all, at) => now === true || all.every((key) => stateOf(key, all, at) !== 'published'),
          )
          if (!made)
            throw new CommandError(exitStatus.refused, 'a new key is already published and does not sign yet')
          await recordOperation('keys_rotated', null, transaction)
          return made
        })
        const time = signsAt.toISOString()
        printResult(io, { kid, signs_at: time }, `${kid} signs from ${time}.`, json)
      }),
    )
}

/** `latchkey keys retire` */
function addRetireKey(keys: Command, io: Io): void {
  keys
    .command('retire <kid>')
    .description('erase a key that does not sign; its tokens are rejected immediately')
    .action(
      onDatabase(io, async function retire(context, [kid = ''], { json }) {
        requireRing(context)
        await context.database.$transaction(async (transaction) => {
          const outcome = await retireUnlessSigning(transaction, kid)
          if (outcome === 'unknown')
            throw new CommandError(exitStatus.notFound, `there is no key ${kid} to retire`)
          if (outcome === 'signing')
            throw new CommandError(exitStatus.refused, `${kid} signs: run latchkey keys rotate --now first`)
          await recordOperation('key_retired', null, transaction)
        })
        printResult(io, { kid, retired: true }, `Retired ${kid}.`, json)
      }),
    )
}

function requireRing({ config }: DatabaseContext): void {
  if (config.jwtSecret)
    throw new CommandError(
      exitStatus.refused,
      'JWT_SECRET signs the tokens of this deployment, which has no keys',
    )
}

import type { FastifyInstance } from 'fastify'
import { recordEvent } from '../../audit/event-store.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { SealingKey } from '../../sealing/seal.js'
import type { SealingKeys } from '../../sealing/sealing-keys.js'
import { noteSignatures, raiseTokenTtl, resealKeys, retireSpentKeys } from './key-store.js'
import { type RotationPlan, replaceExposedKeys, rotateWhenDue } from './rotation.js'

type Dependencies = Pick<FastifyInstance, 'database' | 'log' | 'outage'>

/**
 * Prepares the stored keys for a start. Afterwards there is a key of the planned algorithm. If the algorithm has changed,
 * the new key takes over after the lead time.
 */
export async function prepareKeys(
  app: Dependencies,
  plan: RotationPlan,
  sealingKeys: SealingKeys,
): Promise<void> {
  const { database } = app
  const [current] = sealingKeys
  await replaceExposed(app, plan, current)
  await resealKeys(database, sealingKeys)
  await raiseTokenTtl(database, plan.tokenTtlSeconds)
  await rotateWhenDue(database, plan, current, (keys) => {
    const newest = keys.filter(({ retiredAt }) => retiredAt === null).at(-1)
    return newest?.algorithm !== plan.algorithm
  })
}

/**
 * Runs the periodic tasks on the stored keys, one after the other. A failed task is logged and does not stop the others.
 *
 * @param signed ids of the keys that have signed since the last run
 */
export async function maintainKeys(
  app: Dependencies,
  plan: RotationPlan,
  current: SealingKey,
  signed: string[],
): Promise<void> {
  const { database, log } = app

  async function attempt(name: string, task: () => Promise<unknown>): Promise<void> {
    await app.outage
      .unless(task)
      .catch((error: Error) => log.warn({ reason: reasonOf(error) }, `${name} failed`))
  }

  if (signed.length > 0)
    await attempt('recording which keys have signed', () => noteSignatures(database, signed))
  await attempt('replacing exposed keys', () => replaceExposed(app, plan, current))
  await attempt('rotating the keys', () => rotate(app, plan, current))
  await attempt('raising the token lifetime of the keys', () => raiseTokenTtl(database, plan.tokenTtlSeconds))
  await attempt('retiring keys', () => retireSpentKeys(database))
}

async function replaceExposed(
  { database, log }: Dependencies,
  plan: RotationPlan,
  current: SealingKey,
): Promise<void> {
  const replaced = await replaceExposedKeys(database, plan, current)
  if (replaced.length === 0) return
  log.warn(
    { kids: replaced },
    'keys that were sealed under a published secret are retired, and their tokens are refused',
  )
  await recordEvent(rotation, database)
}

async function rotate({ database }: Dependencies, plan: RotationPlan, current: SealingKey) {
  if (await rotateWhenDue(database, plan, current)) await recordEvent(rotation, database)
}

/** Audit event of a rotation that no caller asked for. */
const rotation = {
  action: 'keys_rotated',
  outcome: 'ok',
  actor: null,
  subject: null,
  userId: null,
  address: null,
  requestId: null,
} as const

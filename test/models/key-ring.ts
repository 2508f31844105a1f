import { handoverSeconds } from '../../src/auth/keys/key-store.js'
import { isRotationDue, signingKey, stateOf } from '../../src/auth/keys/lifecycle.js'
import { refreshIntervalMs, rotationPlan } from '../../src/auth/keys/rotation.js'
import type { Action, Model } from './explorer.js'

/** A key of the ring as it is stored. Times are in ticks. */
interface Key {
  signsAt: number
  retired: 'no' | 'spent' | 'by hand'
  /** Whether it is recorded that it has signed (`signed_at`). */
  isSigner: boolean
  /** When its last token was issued; null if none of its tokens is valid now. */
  tokenAt: number | null
}

/** The stored keys, two processes with copies of them, and a verifier elsewhere. */
export interface Ring {
  now: number
  keys: Key[]
  processes: {
    /** Keys in memory, which are those of its JWK Set. */
    known: number[]
    readAt: number
    /** Keys that have signed here, which is not recorded yet. */
    unrecorded: number[]
    /** Whether it generates a key since it has found a rotation due. It takes the lock afterwards. */
    isGenerating: boolean
  }[]
  /** The JWK Set that a verifier has in its cache; null without a valid one. */
  verifier: { known: number[]; fetchedAt: number } | null
  /** Whether a key has signed although it was retired. */
  hasRetiredSigned: boolean
  commandsLeft: number
}

/** Guards of the source, and assumptions about processes. A variation of the model lacks one of them. */
export type RingGuard =
  | 'a key is published before it signs'
  | 'the lead time covers processes that have yet to read the key'
  | 'a rotation checks again under the lock'
  | 'the clock of the database decides'
  | 'the keys are fresh when one signs'
  | 'a key is kept until its last token has expired'
  | 'a key is kept until its successor has signed'
  | 'the key that signs is not retired by hand'
  | 'every process reads the keys in two intervals'
  | 'every process can decrypt the next key'

/** What happens beside a rotation. One at a time keeps the model small. */
export type RingHazard = 'an operator rotates the keys' | 'a key is stolen' | 'the next key is damaged'

/** Length of a tick of the model's clock, and lifetime of its tokens (seconds). */
export const tickSeconds = 20
const ticks = (seconds: number) => seconds / tickSeconds
/** Lifetimes that are short, but in the same order as in production. */
const config = {
  signingAlgorithm: 'ES256',
  keyRotationSeconds: 200,
  jwksMaxAgeSeconds: 20,
  accessTokenTtlSeconds: tickSeconds,
} as const
const plan = rotationPlan(config)
const maxAge = ticks(config.jwksMaxAgeSeconds)
const readInterval = ticks(refreshIntervalMs(config) / 1_000)
/** Error of the clock of process 1 (ticks). */
const clockError = 3
/** Lengths of the runs. The first key, whose rotation is due or which has just begun to sign, can be retired before the end. */
const lastTicks = { due: 8, begun: 5 }

const dateOf = (tick: number) => new Date(tick * tickSeconds * 1_000)
/** Returns the stored keys as the source reads them, in the order in which they sign. */
const rowsOf = ({ keys }: Ring) =>
  keys
    .map(({ signsAt, retired }, id) => ({
      id,
      signsAt: dateOf(signsAt),
      retiredAt: retired === 'no' ? null : dateOf(0),
    }))
    .sort((one, other) => Number(one.signsAt) - Number(other.signsAt) || one.id - other.id)
const liveIds = ({ keys }: Ring) => keys.flatMap(({ retired }, id) => (retired === 'no' ? [id] : []))
const keyOf = ({ keys }: Ring, id: number) => keys[id] as Key
const processOf = ({ processes }: Ring, index: number) => processes[index] as Ring['processes'][number]

/** Models one rotation of the keys: src/auth/keys/. */
export function modelKeyRing(hazard: RingHazard, omitted?: RingGuard): Model<Ring> {
  const has = (guard: RingGuard) => guard !== omitted
  const leadSeconds = has('a key is published before it signs')
    ? has('the lead time covers processes that have yet to read the key')
      ? plan.leadSeconds
      : config.jwksMaxAgeSeconds
    : 0

  const clockOf = ({ now }: Ring, index: number) =>
    dateOf(index === 1 && !has('the clock of the database decides') ? now + clockError : now)
  const isDue = (state: Ring, index: number) =>
    isRotationDue(rowsOf(state), { ...plan, leadSeconds }, clockOf(state, index))

  function canSign(index: number, id: number): boolean {
    if (id === 0) return true
    if (hazard === 'the next key is damaged') return id > 1
    return index === 0 || has('every process can decrypt the next key')
  }

  function insertKey(state: Ring, clock: Date, lead: number): void {
    const signsAt = ticks(clock.getTime() / 1_000 + lead)
    state.keys.push({ signsAt, retired: 'no', isSigner: false, tokenAt: null })
  }

  function refresh(state: Ring, index: number): void {
    Object.assign(processOf(state, index), { known: liveIds(state), readAt: state.now })
  }

  function sign(state: Ring, index: number): void {
    if (has('the keys are fresh when one signs')) refresh(state, index)
    const { known, unrecorded } = processOf(state, index)
    const able = rowsOf(state).filter(({ id }) => known.includes(id) && canSign(index, id))
    const row = signingKey(
      able.map((key) => ({ ...key, retiredAt: null })),
      clockOf(state, index),
    )
    if (!row) return
    const key = keyOf(state, row.id)
    state.hasRetiredSigned ||= key.retired !== 'no'
    key.tokenAt = state.now
    if (!key.isSigner && !unrecorded.includes(row.id)) unrecorded.push(row.id)
  }

  /** Whether `retireSpentKeys` retires a key: its successor has signed, and its last token has expired. */
  function isSpent(state: Ring, spent: Key, index: number): boolean {
    const keptFor = has('a key is kept until its last token has expired')
      ? ticks(plan.tokenTtlSeconds + handoverSeconds)
      : 0
    const now = ticks(clockOf(state, index).getTime() / 1_000)
    return state.keys.some(
      ({ retired, isSigner, signsAt }) =>
        retired === 'no' &&
        (isSigner || !has('a key is kept until its successor has signed')) &&
        signsAt > spent.signsAt &&
        signsAt + keptFor < now,
    )
  }

  function actionsOf(index: number): Action<Ring>[] {
    const at = (state: Ring) => processOf(state, index)
    return [
      {
        name: `process ${index} refreshes its keys`,
        isEnabled: (state) =>
          at(state).readAt < state.now || at(state).known.join() !== liveIds(state).join(),
        run: (draft) => refresh(draft, index),
      },
      { name: `process ${index} signs`, isEnabled: () => true, run: (draft) => sign(draft, index) },
      {
        name: `process ${index}: noteSignatures`,
        isEnabled: (state) => at(state).unrecorded.length > 0,
        run(draft) {
          for (const id of at(draft).unrecorded) keyOf(draft, id).isSigner = true
          at(draft).unrecorded = []
        },
      },
      {
        name: `process ${index}: rotateKeys finds a rotation due`,
        isEnabled: (state) => !at(state).isGenerating && isDue(state, index),
        run(draft) {
          at(draft).isGenerating = true
        },
      },
      {
        name: `process ${index}: rotateKeys takes the lock`,
        isEnabled: (state) => at(state).isGenerating,
        run(draft) {
          at(draft).isGenerating = false
          if (isDue(draft, index) || !has('a rotation checks again under the lock'))
            insertKey(draft, clockOf(draft, index), leadSeconds)
        },
      },
      {
        name: `process ${index}: retireSpentKeys`,
        isEnabled: (state) => state.keys.some((key) => key.retired === 'no' && isSpent(state, key, index)),
        run(draft) {
          for (const key of draft.keys)
            if (key.retired === 'no' && isSpent(draft, key, index)) key.retired = 'spent'
        },
      },
      {
        name: `the verifier fetches the JWK Set of process ${index}`,
        isEnabled: ({ verifier }) => verifier === null && hazard !== 'a key is stolen',
        run(draft) {
          draft.verifier = { known: at(draft).known, fetchedAt: draft.now }
        },
      },
    ]
  }

  /** A command of an operator. */
  function command(
    name: string,
    isEnabled: (state: Ring) => boolean,
    run: (draft: Ring) => void,
  ): Action<Ring> {
    return {
      name: `latchkey keys ${name}`,
      isEnabled: (state) => state.commandsLeft > 0 && isEnabled(state),
      run(draft) {
        draft.commandsLeft -= 1
        run(draft)
      },
    }
  }
  const rotate = command(
    'rotate',
    (state) =>
      state.keys.length === 1 &&
      rowsOf(state).every((key, _, rows) => stateOf(key, rows, dateOf(state.now)) !== 'published'),
    (draft) => insertKey(draft, dateOf(draft.now), leadSeconds),
  )
  const rotateNow = command(
    'rotate --now',
    () => true,
    (draft) => insertKey(draft, dateOf(draft.now), 0),
  )
  const retire = (id: number) =>
    command(
      `retire ${id}`,
      (state) =>
        state.keys[id]?.retired === 'no' &&
        (signingKey(rowsOf(state), dateOf(state.now))?.id !== id ||
          !has('the key that signs is not retired by hand')),
      (draft) => {
        keyOf(draft, id).retired = 'by hand'
      },
    )
  const commands = {
    'an operator rotates the keys': [rotate],
    'a key is stolen': [rotateNow, retire(0), retire(1)],
    'the next key is damaged': [],
  }

  return {
    initial: {
      now: 0,
      keys: [
        {
          signsAt: hazard === 'a key is stolen' ? 0 : -ticks(config.keyRotationSeconds - plan.leadSeconds),
          retired: 'no',
          isSigner: true,
          tokenAt: null,
        },
      ],
      processes: [0, 1].map(() => ({ known: [0], readAt: 0, unrecorded: [], isGenerating: false })),
      verifier: null,
      hasRetiredSigned: false,
      commandsLeft: hazard === 'a key is stolen' ? 2 : 1,
    },
    actions: [
      {
        name: 'a tick passes',
        isEnabled: ({ now, processes }) =>
          now < (hazard === 'a key is stolen' ? lastTicks.begun : lastTicks.due) &&
          processes.every(
            ({ readAt }) =>
              now - readAt < 2 * readInterval || !has('every process reads the keys in two intervals'),
          ),
        run(draft) {
          draft.now += 1
          for (const key of draft.keys)
            if (key.tokenAt !== null && key.tokenAt + ticks(plan.tokenTtlSeconds) < draft.now)
              key.tokenAt = null
          if (draft.verifier && draft.verifier.fetchedAt + maxAge <= draft.now) draft.verifier = null
        },
      },
      ...[0, 1].flatMap(actionsOf),
      ...commands[hazard],
    ],
    invariants,
  }
}

const invariants: Model<Ring>['invariants'] = {
  'a verifier knows the key of every valid token': ({ keys, verifier }) =>
    verifier === null ||
    keys.every(
      ({ tokenAt, retired }, id) => tokenAt === null || retired === 'by hand' || verifier.known.includes(id),
    ),
  'the key of every valid token is live': ({ keys }) =>
    keys.every(({ tokenAt, retired }) => tokenAt === null || retired !== 'spent'),
  'no retired key signs': ({ hasRetiredSigned }) => !hasRetiredSigned,
  'there is a key that signs': (state) => signingKey(rowsOf(state), dateOf(state.now)) !== undefined,
  'at most one key waits for its turn': ({ now, keys }) =>
    keys.filter(({ signsAt, retired }) => retired === 'no' && signsAt > now).length <= 1,
}

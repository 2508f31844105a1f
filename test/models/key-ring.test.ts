import t from 'tap'
import { explore, hasInOrder } from './explorer.js'
import { modelKeyRing, type RingGuard, type RingHazard } from './key-ring.js'

const hazards: RingHazard[] = ['an operator rotates the keys', 'a key is stolen', 'the next key is damaged']

for (const hazard of hazards)
  t.test(`no interleaving of a rotation refuses a valid token when ${hazard}`, async (t) => {
    const { states, violated, trace } = explore(modelKeyRing(hazard), 50_000)
    t.equal(violated, null, trace.join('\n'))
    t.comment(`${states} states`)
  })

const unknown = 'a verifier knows the key of every valid token'
const retired = 'the key of every valid token is live'

/** Faults: a guard or an assumption that is missing, the promise that is broken then, and steps that lead to it. */
const faults: [RingGuard, RingHazard, violated: string, steps: string[]][] = [
  [
    'a key is published before it signs',
    'an operator rotates the keys',
    unknown,
    ['the verifier fetches the JWK Set of process 0', 'latchkey keys rotate', 'process 0 signs'],
  ],
  [
    'the lead time covers processes that have yet to read the key',
    'an operator rotates the keys',
    unknown,
    [
      'latchkey keys rotate',
      'a tick passes',
      'process 0 signs',
      'the verifier fetches the JWK Set of process 1',
    ],
  ],
  [
    'a rotation checks again under the lock',
    'the next key is damaged',
    'at most one key waits for its turn',
    [
      'process 0: rotateKeys finds a rotation due',
      'process 1: rotateKeys finds a rotation due',
      'process 0: rotateKeys takes the lock',
      'process 1: rotateKeys takes the lock',
    ],
  ],
  [
    'the clock of the database decides',
    'an operator rotates the keys',
    unknown,
    ['the verifier fetches the JWK Set of process 0', 'latchkey keys rotate', 'process 1 signs'],
  ],
  [
    'the keys are fresh when one signs',
    'a key is stolen',
    'no retired key signs',
    ['latchkey keys rotate --now', 'latchkey keys retire 0', 'process 0 signs'],
  ],
  [
    'a key is kept until its last token has expired',
    'a key is stolen',
    retired,
    [
      'process 0 signs',
      'latchkey keys rotate --now',
      'process 1: noteSignatures',
      'process 0: retireSpentKeys',
    ],
  ],
  [
    'a key is kept until its successor has signed',
    'the next key is damaged',
    retired,
    ['process 0: rotateKeys takes the lock', 'process 1 signs', 'process 0: retireSpentKeys'],
  ],
  [
    'the key that signs is not retired by hand',
    'a key is stolen',
    'there is a key that signs',
    ['latchkey keys retire 0'],
  ],
  [
    'every process reads the keys in two intervals',
    'an operator rotates the keys',
    unknown,
    ['latchkey keys rotate', 'process 0 signs', 'the verifier fetches the JWK Set of process 1'],
  ],
  [
    'every process can decrypt the next key',
    'an operator rotates the keys',
    retired,
    ['process 0 signs', 'process 0: noteSignatures', 'process 1 signs', 'process 0: retireSpentKeys'],
  ],
]

for (const [guard, hazard, violated, steps] of faults)
  t.test(`a fault is found unless ${guard}`, async (t) => {
    const found = explore(modelKeyRing(hazard, guard), 50_000)
    t.equal(found.violated, violated)
    t.ok(hasInOrder(found.trace, steps), found.trace.join('\n'))
  })

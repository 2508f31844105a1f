import t from 'tap'
import { explore, hasInOrder } from './explorer.js'
import { modelRefreshRotation, type RefreshGuard, type RefreshHazard } from './refresh-rotation.js'

const hazards: RefreshHazard[] = ['a token expires', 'the MAC key is replaced', 'a request is wrong']

for (const hazard of hazards)
  t.test(
    `no interleaving of two refreshes and the end of their login breaks a promise when ${hazard}`,
    async (t) => {
      const { states, violated, trace } = explore(modelRefreshRotation(hazard), 50_000)
      t.equal(violated, null, trace.join('\n'))
      t.comment(`${states} states`)
    },
  )

/** Faults: a guard that is missing, the promise that is broken then, and steps that lead to it. */
const faults: [RefreshGuard, RefreshHazard, violated: string, steps: string[]][] = [
  [
    'reuse is judged before anything else',
    'a request is wrong',
    'a token that comes again after its grace period ends the login',
    ['the grace period of token 0 ends', 'client 1 sends its token with a wrong scope'],
  ],
  [
    'a used token does not expire',
    'a token expires',
    'a token that comes again after its grace period ends the login',
    ['the grace period of token 0 ends', 'client 1 sends its token', 'token 0 expires'],
  ],
  [
    'a retry follows the family to its unused token',
    'a token expires',
    'an answer has a token that was unused during the request',
    ['process 0: the answer arrives', 'process 0: rotateRefreshToken commits', 'process 1: findDescendant'],
  ],
  [
    'a refresh is decided again once its token is used',
    'a token expires',
    'every access token of a login that has ended has its bit set',
    ['process 0: findRefreshToken', 'the end commits', 'process 0: rotateRefreshToken commits'],
  ],
  [
    'the login is locked before its token',
    'a token expires',
    'nobody waits for a lock for ever',
    ['process 0: rotateRefreshToken uses the token', 'the end locks the login'],
  ],
  [
    'a rotation locks its login',
    'a token expires',
    'every access token of a login that has ended has its bit set',
    [
      'the end removes the tokens, and revoke_ended_logins reads their entries',
      'process 0: rotateRefreshToken commits',
      'process 0: settlePlan',
      'the end commits',
    ],
  ],
  [
    'a further entry locks its login',
    'a token expires',
    'every access token of a login that has ended has its bit set',
    [
      'process 1: findDescendant',
      'the end removes the tokens, and revoke_ended_logins reads their entries',
      'process 1: storeEntry commits',
      'the end commits',
    ],
  ],
  [
    'the successor is derived',
    'a token expires',
    'a retry within the grace period is granted',
    ['process 0: rotateRefreshToken commits', 'client 1 sends its token', 'process 1: findDescendant'],
  ],
  [
    'a retry within the grace period is no reuse',
    'the MAC key is replaced',
    'no other token ends the login',
    ['the MAC key is replaced', 'process 1: findDescendant', 'process 1: revokeReusedFamily'],
  ],
  [
    'only an unused token is rotated',
    'a token expires',
    'a login has at most one unused token',
    [
      'process 1: findRefreshToken',
      'process 0: rotateRefreshToken commits',
      'process 1: rotateRefreshToken commits',
    ],
  ],
]

for (const [guard, hazard, violated, steps] of faults)
  t.test(`a fault is found without the guard: ${guard}`, async (t) => {
    const found = explore(modelRefreshRotation(hazard, guard), 50_000)
    t.equal(found.violated, violated)
    t.ok(hasInOrder(found.trace, steps), found.trace.join('\n'))
  })

import t from 'tap'
import { findInstructionMoves, findMoves } from '#bench/quick/moves.js'

const before = { me: { rate: 1, cpu: 2, cpuMicroseconds: 40 } }

/** Returns what has moved when `me` has another rate and CPU time, in units of its baseline. */
function movesTo(rate: number, cpu: number | null) {
  return findMoves(before, { me: { rate, cpu, cpuMicroseconds: 40 } })
}

t.test('a rate that moved by more than 25 % is named, with its direction', async (t) => {
  t.same(movesTo(0.81, 2), [])
  t.same(movesTo(1.24, 2), [])
  t.match(movesTo(0.79, 2), [{ what: 'me, rate', was: 1, is: 0.79, change: '-21%', isWorse: true }])
  t.match(movesTo(1.26, 2), [{ what: 'me, rate', change: '+26%', isWorse: false }])
})

t.test('a CPU time that moved by more than 15 % is named, with its direction', async (t) => {
  t.same(movesTo(1, 2.29), [])
  t.match(movesTo(1, 2.31), [{ what: 'me, CPU time per request', isWorse: true }])
  t.match(movesTo(1, 1.7), [{ what: 'me, CPU time per request', isWorse: false }])
})

t.test('what was not measured is not compared', async (t) => {
  t.same(movesTo(1, null), [])
  t.same(findMoves({}, before), [])
  t.same(findInstructionMoves({}, { verifyAccessToken: 1 }), [])
})

t.test('a number of instructions that moved by more than 2 % is named', async (t) => {
  t.same(findInstructionMoves({ claimsFor: 1000 }, { claimsFor: 1019 }), [])
  t.match(findInstructionMoves({ claimsFor: 1000 }, { claimsFor: 1021 }), [
    { what: 'claimsFor, instructions', was: 1000, is: 1021, isWorse: true },
  ])
})

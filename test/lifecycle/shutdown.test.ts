import t from 'tap'
import { startProgram } from '../helpers/service.js'

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

const endings: [what: string, args: string[], signal: Signal | null, status: number, output: string][] = [
  ['SIGINT closes and ends with 0', ['none', 'well'], 'SIGINT', 0, 'ready SIGINT closed'],
  ['SIGTERM closes and ends with 0', ['none', 'well'], 'SIGTERM', 0, 'ready SIGTERM closed'],
  ['SIGHUP closes and ends with 0', ['none', 'well'], 'SIGHUP', 0, 'ready SIGHUP closed'],
  ['an uncaught exception is reported once', ['exception', 'well'], null, 1, 'ready closed boom'],
  ['an unhandled rejection is reported once', ['rejection', 'well'], null, 1, 'ready closed boom'],
  ['a failed start is reported once', ['failed start', 'well'], null, 1, 'ready closed boom'],
  ['a failure to close is reported', ['none', 'badly'], 'SIGTERM', 1, 'ready SIGTERM cannot close'],
  [
    'an exception and a failure to close are reported',
    ['exception', 'badly'],
    null,
    1,
    'ready boom cannot close',
  ],
  [
    'closing has a deadline',
    ['none', 'never'],
    'SIGTERM',
    1,
    'ready SIGTERM in one line: not closed within 50 ms',
  ],
  [
    'an exception during the close ends the process',
    ['none', 'with an exception'],
    'SIGTERM',
    1,
    'ready SIGTERM late',
  ],
  [
    'a start that the close interrupts is not reported',
    ['none', 'during a start'],
    'SIGTERM',
    0,
    'ready SIGTERM closed',
  ],
]

const programs = endings.map(([, args]) => startProgram(t, 'test/fixtures/closing.ts', {}, { args }))

for (const [index, [what, , signal, status, output]] of endings.entries())
  t.test(what, async (t) => {
    const program = programs[index] as (typeof programs)[number]
    if (signal) {
      await program.prints('ready')
      program.process.kill(signal)
    }
    t.equal(await program.ends(), status)
    t.strictSame(`${program.stdout}${program.stderr}`.replaceAll('\n', ' ').trim(), output)
  })

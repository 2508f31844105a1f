import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns'
import { join } from 'node:path'
import t from 'tap'
import { exit } from '../../src/lifecycle/exit.js'
import { startProgram } from '../helpers/service.js'

t.test('a process ends although a name server does not answer', async (t) => {
  // The resolver of glibc waits for a writer of the pipe when it reads this file of aliases.
  const aliases = join(t.testdir(), 'aliases')
  execFileSync('mkfifo', [aliases])
  for (const [status, end] of [
    ['0', 'SIGTERM'],
    ['1', 'SIGKILL'],
  ] as const) {
    const program = startProgram(
      t,
      'test/fixtures/exiting.ts',
      { HOSTALIASES: aliases },
      { args: [status, 'host'] },
    )
    t.equal(await program.ends(), end)
  }
})

t.test('otherwise it ends with the status', async (t) => {
  const program = startProgram(t, 'test/fixtures/exiting.ts', {}, { args: ['7'] })
  t.equal(await program.ends(), 7)
})

t.test('a process that is immune to its own signals waits', (t) => {
  const kill = t.capture(process, 'kill', () => true)
  const end = t.capture(process, 'exit', () => undefined as never)
  lookup('localhost', () => t.end())
  exit(0)
  exit(3)
  t.match(kill(), [{ args: [process.pid, 'SIGTERM'] }, { args: [process.pid, 'SIGKILL'] }])
  t.match(end(), [{ args: [0] }, { args: [3] }])
})

import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { killProgram, startProgram } from '../../../src/database/embedded/program.js'

t.test('a program ends when its input closes, as it does when this process is killed', async (t) => {
  const script =
    "process.on('SIGINT', () => process.exit(7)); setInterval(() => {}, 1000); console.error('ready')"
  const program = startProgram({}, process.execPath, ['-e', script])
  await once(program.stderr, 'data')
  program.stdin.destroy()
  t.strictSame(await once(program, 'exit'), [7, null])
})

t.test('a program is killed with its children', async (t) => {
  const program = startProgram({}, '/bin/sh', ['-c', 'echo ready >&2; cat /dev/zero >/dev/null'])
  await once(program.stderr, 'data')
  const closed = text(program.stderr)
  killProgram(program)
  t.strictSame(await once(program, 'exit'), [null, 'SIGKILL'])
  t.equal(await closed, '', 'no child has the output open')
})

t.test('a program that has ended is not killed', (t) => {
  // Above the maximum of Linux.
  t.doesNotThrow(() => killProgram({ pid: 2 ** 22 + 1 }))
  t.end()
})

import t from 'tap'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProgram } from '../helpers/service.js'

t.test('latchkey start runs the service, and so does latchkey alone', async (t) => {
  for (const args of [['start'], []]) {
    const env = { DATABASE_URL: await cloneDatabase(t), PORT: '0' }
    const program = startProgram(t, 'src/cli/latchkey.ts', env, { args })
    await program.prints('Server listening at')
    program.process.kill('SIGTERM')
    t.equal(await program.ends(), 0)
    t.equal(program.stderr, '')
  }
})

t.test('it takes no arguments', async (t) => {
  const { status, stderr } = await runCommand('', ['start', '8000'])
  t.equal(status, 2)
  t.match(stderr, /^latchkey: too many arguments for 'start'/)
})

t.test('under --json the error that ends it is JSON, as of every command', async (t) => {
  const program = startProgram(t, 'src/cli/latchkey.ts', { PORT: 'x' }, { args: ['start', '--json'] })
  t.equal(await program.ends(), 1)
  t.match(JSON.parse(program.stderr), { error: { code: 'failure', message: /^PORT must be/ } })
})

t.test('an unexpected error ends it, and is printed with its stack', async (t) => {
  const code = "process.on('SIGUSR2', () => { throw new Error('unexpected') })"
  const env = {
    DATABASE_URL: await cloneDatabase(t),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
    PORT: '0',
  }
  const program = startProgram(t, 'src/cli/latchkey.ts', env, { args: ['start'] })
  await program.prints('Server listening at')
  program.process.kill('SIGUSR2')
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: Error: unexpected\n {4}at /)
})

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
  t.match(stderr, /^error: too many arguments for 'start'/)
})

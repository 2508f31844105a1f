import { statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeDirectory } from '../src/files.js'
import { unreachableUrl } from './database/query.js'
import { runCommand } from './helpers/command.js'

t.test(
  'missing directories are created, existing ones are kept, also by several callers at once',
  async (t) => {
    const folder = t.testdir({ there: {} })
    const path = join(folder, 'there/a/b')
    await Promise.all([makeDirectory(path, 0o700), makeDirectory(path, 0o700)])
    t.equal(statSync(path).mode & 0o777, 0o700)
    t.equal(statSync(join(folder, 'there/a')).mode & 0o777, 0o700)
    await t.resolves(makeDirectory(path))
  },
)

t.test('a place where no directory can be is an error', async (t) => {
  const folder = t.testdir({ file: '' })
  const dangling = join(folder, 'dangling')
  symlinkSync(join(folder, 'absent'), dangling)
  for (const [path, code] of [
    ['/proc/latchkey/data', 'ENOENT'],
    [join(folder, 'file'), 'EEXIST'],
    [join(folder, 'file/data'), 'EEXIST'],
    [join(dangling, 'data'), 'EEXIST'],
    ['/canary\0', 'ERR_INVALID_ARG_VALUE'],
  ] as const)
    await t.rejects(makeDirectory(path), { code }, path)
})

t.test('a command reports a data directory that cannot be made in one line', async (t) => {
  for (const args of [['migrate'], ['doctor']]) {
    const { status, stderr } = await runCommand('', args, { env: { DATA_DIRECTORY: '/proc/latchkey' } })
    t.equal(status, 1, args.join())
    t.match(stderr, /^latchkey: .*\n$/)
  }
  const env = { DATA_DIRECTORY: '/proc/latchkey' }
  const { stdout } = await runCommand(await unreachableUrl(), ['doctor'], { env })
  t.match(stdout, /^fail +mail +ENOENT/m)
})

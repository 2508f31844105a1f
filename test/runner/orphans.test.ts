import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../database/folder.js'
import { until } from '../helpers/wait.js'

const skip = !existsSync('/proc/self/environ') && 'there is no /proc'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
  t.test(`a run that ends by ${signal} leaves no process and no file behind`, { skip }, async (t) => {
    const folder = await makeFolder(t)
    const { PATH, HOME } = process.env
    const run = spawn(process.execPath, ['test/run.js', 'test/fixtures/endless.ts'], {
      env: { PATH, HOME, TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    t.teardown(() => run.kill('SIGKILL'))
    await until(() => run.exitCode !== null || hasStarted(folder))
    const programs = programsIn(folder).join('\n')
    for (const program of ['test/run.js', 'guardian.js', 'endless.js', 'dist/src/server.js', 'bin/postgres'])
      t.match(programs, program)
    run.kill(signal)
    await once(run, 'exit')
    await t.resolves(until(() => programsIn(folder).length === 0))
    t.same(readdirSync(folder), [])
  })

/** Whether the test of the run has begun: it writes a file into the run's temporary folder. */
function hasStarted(folder: string): boolean {
  return readdirSync(folder).some((name) => existsSync(join(folder, name, 'started')))
}

/** Returns the command lines of the processes whose temporary folder is this, or in it. */
function programsIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/environ`).includes(`TMPDIR=${folder}`))
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
}

/** Reads a file of a process, which may have ended by now. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

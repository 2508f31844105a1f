import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { exclusively } from '#scripts/lib/exclusive.js'
import { workspaces } from '#scripts/lib/workspaces.js'

const execute = promisify(execFile)

/** A project outside the checkout, in which the packages are installed from their archives. */
export interface Project {
  folder: string
  /** The archives that `npm publish` would upload. */
  archives: string[]
}

interface Manifest {
  name: string
  dependencies?: Record<string, string>
}

/**
 * Copies a project to a folder of its own, and installs the packages there with their dependencies, as npm does, but from here
 * instead of a registry.
 */
export async function createProject(t: Test, source: string): Promise<Project> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-project-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(source, folder, { recursive: true })
  const archives = await pack(join(folder, 'archives'))
  for (const archive of archives) await install(folder, archive)
  return { folder, archives }
}

/** Links a package of the checkout into a project. */
export function addPackage({ folder }: Pick<Project, 'folder'>, name: string): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(resolve('node_modules', name), path)
}

/**
 * Compiles the TypeScript of a project, under the strictest settings.
 *
 * @throws Error with the errors of the compiler
 */
export async function compileProject({ folder }: Project): Promise<void> {
  await run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', folder])
}

/**
 * Runs a program in the folder of a project, without measuring coverage.
 *
 * @returns what it prints
 * @throws Error with the output of the program, if it fails
 */
export async function runInProject(
  { folder }: Project,
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  return run(program, args, { cwd: folder, env: { ...environment(), ...env } })
}

/** Packs the packages. Their build writes into the checkout, so only one process at a time does it. */
function pack(folder: string): Promise<string[]> {
  mkdirSync(folder)
  return exclusively('node_modules/.cache/latchkey/pack.lock', async () => {
    for (const workspace of workspaces) rmSync(join(workspace, 'dist'), { recursive: true, force: true })
    await run('npm', ['pack', '--silent', '--workspaces', '--pack-destination', folder])
    return readdirSync(folder).map((archive) => join(folder, archive))
  })
}

/** Extracts an archive into the packages of a project, and adds what it depends on. */
async function install(folder: string, archive: string): Promise<void> {
  const extracted = mkdtempSync(join(folder, 'extracted-'))
  await run('tar', ['-xzf', archive, '-C', extracted, '--strip-components=1'])
  const { name, dependencies = {} } = JSON.parse(
    readFileSync(join(extracted, 'package.json'), 'utf8'),
  ) as Manifest
  const target = join(folder, 'node_modules', name)
  mkdirSync(dirname(target), { recursive: true })
  cpSync(extracted, target, { recursive: true })
  rmSync(extracted, { recursive: true })
  for (const dependency of Object.keys(dependencies)) addPackage({ folder }, dependency)
}

async function run(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = { env: environment() },
): Promise<string> {
  const { stdout } = await execute(program, args, options).catch(({ stdout, stderr }) => {
    throw new Error(`${program} ${args.join(' ')} failed\n${stdout}${stderr}`)
  })
  return stdout
}

/** Returns the environment without the folder for coverage, which the programs of a project do not count for. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_V8_COVERAGE, ...env } = process.env
  return env
}

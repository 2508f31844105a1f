import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { clientId, listen, secret } from '../interop/server.js'

const execute = promisify(execFile)

/** A folder with the program of a journey and the document that its client is generated from. */
export interface Journey {
  app: FastifyInstance
  folder: string
  /** Arguments of the program: the service's origin, and the id and secret of a client. */
  args: string[]
}

/** Starts the service, and copies the program of a journey to a folder where its client can be generated. */
export async function prepareJourney(t: Test, program: string): Promise<Journey> {
  const { app, origin } = await listen(t)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-client-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await cp(program, folder, { recursive: true })
  const { body } = await app.inject('/openapi.json?profile=clients')
  await writeFile(join(folder, 'openapi.json'), body)
  return { app, folder, args: [origin, clientId, secret] }
}

/**
 * Runs a program in the folder of a journey, without measuring coverage, and returns its standard output.
 *
 * @param bin folder of further programs
 * @throws Error with the output of the program, if it fails
 */
export async function runIn(
  { folder }: Pick<Journey, 'folder'>,
  file: string,
  args: string[],
  bin?: string,
): Promise<string> {
  const { NODE_V8_COVERAGE, ...env } = process.env
  const path = [...(bin ? [bin] : []), env.PATH].join(delimiter)
  const run = execute(file, args, { cwd: folder, env: { ...env, PATH: path } })
  const { stdout } = await run.catch(({ stdout, stderr }) => {
    throw new Error(`${file} ${args[0]} failed\n${stdout}${stderr}`)
  })
  return stdout
}

import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Test } from 'tap'

/** Time that a command of Docker may take (milliseconds): without a cache, a build downloads all packages. */
const limitMs = 500_000

/** Variables of Docker's client. No other reaches Compose, which would pass settings on to the service. */
const clientEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(PATH|HOME|DOCKER_.*|BUILDX_.*)$/.test(name)),
)

/** Runs `docker ARGS`, and returns what it printed. */
export async function docker(args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...clientEnv, ...env }, timeout: limitMs, maxBuffer: 64 * 1024 ** 2 }
  const { stdout } = await promisify(execFile)('docker', args, options)
  return stdout.trim()
}

/** Returns a name that no other run of the tests uses. */
export function uniqueName(): string {
  return `latchkey-test-${randomUUID().slice(0, 8)}`
}

/** Returns whether an image is here, or could be pulled. */
export function isAvailable(image: string): boolean {
  const succeeds = (...args: string[]) =>
    spawnSync('docker', args, { env: clientEnv, timeout: limitMs }).status === 0
  return succeeds('image', 'inspect', image) || succeeds('pull', '--quiet', image)
}

/** Returns the reason to skip a test, or false if there are a Docker engine, Compose and the images, which may be pulled. */
export function withoutDocker(...images: string[]): string | false {
  if (spawnSync('docker', ['info']).status !== 0) return 'there is no Docker engine'
  if (spawnSync('docker', ['compose', 'version']).status !== 0) return 'Docker Compose is not installed'
  const missing = ['node:24-bookworm-slim', 'debian:bookworm-slim', ...images].filter(
    (image) => !isAvailable(image),
  )
  return missing.length > 0 && `these images are not here and cannot be pulled: ${missing.join(', ')}`
}

/** Builds an image from a folder, and returns its name. It is removed with the test. */
export async function buildImage(t: Test, folder = '.', ...options: string[]): Promise<string> {
  const image = uniqueName()
  t.teardown(() => docker(['image', 'rm', '--force', image]))
  await docker(['build', '--quiet', '--tag', image, ...options, folder])
  return image
}

/** Resolves when the condition holds. Rejects after two minutes, as containers would be left behind if the test were killed. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await delay(200)
  }
}

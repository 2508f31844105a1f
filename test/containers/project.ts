import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../helpers/free-port.js'
import { buildImage, docker, uniqueName } from './docker.js'
import { provideImage } from './stand-ins.js'

/** What a test changes of a service in docker-compose.yml. */
type Overrides = Record<string, Record<string, unknown>>

/** Running containers of docker-compose.yml, under names and ports of their own. */
export interface Project {
  /** Origin that the proxy publishes. */
  origin: string
  /** Published ports, by the variables that choose them. */
  ports: Record<string, number>
  /** Runs `docker compose ARGS`, and returns what it printed. */
  compose(...args: string[]): Promise<string>
  /** Returns the ids of a service's containers. */
  containersOf(service: string): Promise<string[]>
}

/** What `docker compose config` prints. */
interface Composition {
  services: Record<string, { image: string }>
}

const file = 'docker-compose.yml'

/** Runs the command that docs/compose.md has for a profile, and resolves when everything is healthy. All is removed with the test. */
export async function startProfile(t: Test, profile: string, overrides: Overrides = {}): Promise<Project> {
  const { settings, options, rest } = readCommand(profile)
  const ports = await choosePorts()
  const env = { ...settings, ...toText(ports) }
  const override = join(t.testdir({ 'override.json': '{}' }), 'override.json')
  const project = ['compose', '--project-name', uniqueName(), '--env-file', '/dev/null', '--file', file]
  const run = (...args: string[]) => docker([...project, '--file', override, ...args], env)
  const compose = (...args: string[]) => run('--profile', '*', ...args)

  const { services } = JSON.parse(await run(...options, 'config', '--format', 'json')) as Composition
  const images = await provideImages(t, services)
  const changes = Object.entries(services).map(([name, { image }]) => [
    name,
    { image: images.get(image), ...overrides[name] },
  ])
  writeFileSync(override, JSON.stringify({ services: Object.fromEntries(changes) }))
  // Without the override, whose file is removed earlier.
  t.teardown(() => docker([...project, '--profile', '*', 'down', '--volumes', '--timeout', '0'], env))
  await run(...options, 'up', ...rest, '--detach', '--wait', '--no-build')
  const containersOf = async (service: string) => words(await compose('ps', '--quiet', service))
  return { origin: `http://127.0.0.1:${ports.LATCHKEY_PORT}`, ports, compose, containersOf }
}

/** Returns the parts of a profile's command: its settings, and the arguments before and after `up`. */
function readCommand(profile: string) {
  const row = new RegExp(
    `^\\| ${profile} \\|.*\`((?:\\w+=\\S+ )*)docker compose (.*?)\\bup\\b(.*)\` \\|$`,
    'm',
  )
  const [line, settings = '', options = '', rest = ''] =
    row.exec(readFileSync('docs/compose.md', 'utf8')) ?? []
  if (!line) throw new Error(`docs/compose.md has no command for ${profile}`)
  return {
    settings: Object.fromEntries(words(settings).map((word) => word.split(/=(.*)/).slice(0, 2))),
    options: words(options),
    rest: words(rest),
  }
}

/** Returns a free port for each variable that chooses a published one. */
async function choosePorts(): Promise<Record<string, number>> {
  const names = new Set(
    Array.from(readFileSync(file, 'utf8').matchAll(/127\.0\.0\.1:\$\{(\w+):-\d+\}/g), ([, name]) =>
      String(name),
    ),
  )
  return Object.fromEntries(
    await Promise.all(Array.from(names, async (name) => [name, await freePort()] as const)),
  )
}

/** Returns the images to use, by their names in docker-compose.yml. That of the service is built. */
async function provideImages(t: Test, services: Composition['services']): Promise<Map<string, string>> {
  const images = new Map<string, string>()
  for (const name of new Set(Object.values(services).map(({ image }) => image)))
    images.set(name, name === 'latchkey' ? await buildImage(t) : await provideImage(t, name))
  return images
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

function toText(numbers: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]))
}

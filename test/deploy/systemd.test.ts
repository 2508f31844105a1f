import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { Settings } from '../../src/config/settings/index.js'
import { cloneDatabase } from '../helpers/database.js'
import { freePort } from '../helpers/free-port.js'
import { without } from '../helpers/without.js'

const folder = 'deploy/systemd'
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const service = read('latchkey.service')
const socket = read('latchkey.socket')
/** Time between the end of the drain and that of the process (seconds); see src/service.ts. */
const closeSeconds = 10

/** Returns the values of a directive, in their order. */
function valuesOf(directive: string): string[] {
  return [...service.matchAll(new RegExp(`^${directive}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** Returns variables from the lines of an environment file. */
function toVariables(lines: string[]): [string, string][] {
  return lines.map((line) => line.split(/=(.*)/s, 2) as [string, string])
}

t.test('the unit starts the service as npm start does', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } }
  const [, options] = /^exec node (.*) dist\/src\/server\.js$/.exec(scripts.start) ?? []
  t.match(valuesOf('ExecStart'), [
    `/usr/bin/node ${options} /opt/latchkey/node_modules/latchkey/dist/src/server.js`,
  ])
})

t.test('its settings are valid, and each of its credentials is a secret setting', async (t) => {
  const lines = read('latchkey.env')
    .split('\n')
    .filter((line) => /^[^#]/.test(line))
  const given = toVariables(valuesOf('Environment').flatMap((value) => value.split(' ')))
  const names = given
    .filter(([, value]) => value.startsWith('%d/'))
    .map(([name]) => name.replace(/_FILE$/, ''))
  t.same(names, ['DATABASE_URL', 'KEY_ENCRYPTION_SECRET'])
  for (const name of names as (keyof typeof Settings.properties)[])
    t.match(Settings.properties[name], { secret: true })
  t.same(
    valuesOf('LoadCredential').map((value) => value.split(':')[0]),
    given.flatMap(([, value]) => (value.startsWith('%d/') ? value.slice(3) : [])),
  )
  const secrets = t.testdir({
    'database-url': 'postgresql://latchkey:3c4b1f@db.example.com/latchkey',
    'key-encryption-secret': 'Vt3nQ0c8zB5mXk2yH7pL1wRd9sGfJ6uA\n',
  })
  const environment = [...given, ...toVariables(lines)].map(([name, value]) => [
    name,
    value.replace('%d', secrets),
  ])
  const config = loadConfig(Object.fromEntries(environment))
  t.match(config, { production: true, trustProxy: ['127.0.0.1'] })

  const [limit = ''] = valuesOf('TimeoutStopSec')
  const longestDrain = Number(/DRAIN_SECONDS, of up to (\d+)/.exec(service)?.[1])
  t.ok(config.drainSeconds <= longestDrain)
  t.ok(longestDrain + closeSeconds < Number(limit))
})

t.test('systemd', { skip: without('systemd-analyze') }, async (t) => {
  const units = t.testdir({
    'latchkey.service': service.replaceAll('/usr/bin/node', process.execPath),
    'latchkey.socket': socket,
  })
  const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' })

  t.test('accepts the units', async (t) => {
    const { status, stderr } = analyze(
      'verify',
      ...['latchkey.service', 'latchkey.socket'].map((name) => join(units, name)),
    )
    // It also reads the units of this machine.
    t.notMatch(stderr, 'latchkey')
    t.equal(status, 0, stderr)
  })

  t.test('finds the service well confined', async (t) => {
    const { status, stdout } = analyze(
      'security',
      '--offline=true',
      '--threshold=19',
      join(units, 'latchkey.service'),
    )
    t.equal(status, 0, stdout)
    t.match(stdout, /Overall exposure level for latchkey\.service: 1\.\d OK/)
  })
})

t.test(
  'systemd starts the service with the first connection',
  { skip: without('systemd-socket-activate') },
  async (t) => {
    const port = await freePort()
    const environment = { DATABASE_URL: await cloneDatabase(t), PORT: '1' }
    const variables = Object.entries(environment).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const child = spawn(
      'systemd-socket-activate',
      ['--listen', `127.0.0.1:${port}`, ...variables, process.execPath, 'dist/src/server.js'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    t.teardown(async () => {
      if (child.kill()) await once(child, 'exit')
    })
    await once(child.stderr, 'data')
    t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
  },
)

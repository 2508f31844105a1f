import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { Settings } from '../src/config/settings/index.js'

interface Service {
  ports?: string[]
  container_name?: string
  environment?: Record<string, string>
  volumes?: string[]
  profiles?: string[]
  command?: string
  depends_on?: Record<string, { condition: string }>
}

const { services } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>
}

t.test(
  'any number of replicas can run, as only the proxy in front has a port or a name of its own',
  async (t) => {
    const { latchkey, proxy } = services
    t.same([latchkey?.ports, latchkey?.container_name], [undefined, undefined])
    t.match(proxy?.ports, [/^127\.0\.0\.1:(\$\{LATCHKEY_PORT:-8000\}):\1$/])
    for (const service of [latchkey, proxy])
      t.match(service?.environment, { PORT: /^\$\{LATCHKEY_PORT:-8000\}$/ })
    const nginx = readFileSync('docker/nginx.conf', 'utf8')
    t.match(nginx, /set \$service latchkey:\$\{PORT\};/, 'the addresses of replicas are looked up again')
    t.match(nginx, 'proxy_set_header X-Forwarded-For $remote_addr;')
    t.match(latchkey?.environment?.TRUST_PROXY, /^\$\{TRUST_PROXY:-10\.0\.0\.0\/8 /)
  },
)

t.test('every setting of the service, and no other variable but a password, is passed on', async (t) => {
  const names = Object.keys(services.latchkey?.environment ?? {})
  t.same(
    names.filter((name) => !Object.hasOwn(Settings.properties, name)),
    ['PGPASSWORD'],
  )
})

t.test('a profile starts the service on a cluster, whose items are distributed before it', async (t) => {
  const cluster = Object.entries(services).filter(([, { profiles }]) => profiles?.includes('citus'))
  const nodes = ['citus-coordinator', 'citus-worker-1', 'citus-worker-2']
  t.same(
    cluster.map(([name]) => name),
    [...nodes, 'citus-nodes', 'citus-distribute', 'citus-latchkey'],
  )
  for (const [name, { volumes }] of cluster)
    if (nodes.includes(name)) t.same(volumes, [`${name}:/var/lib/postgresql/data`], 'data of its own')
  const { 'citus-nodes': join, 'citus-distribute': distribute, 'citus-latchkey': latchkey } = services
  t.match(join?.command, new RegExp(`${nodes.join(' ')}$`))
  t.same(join?.depends_on, Object.fromEntries(nodes.map((node) => [node, { condition: 'service_healthy' }])))
  t.same(distribute?.depends_on, { 'citus-nodes': { condition: 'service_completed_successfully' } })
  t.match(distribute?.command, /latchkey migrate && .* latchkey scale distribute --yes'$/)
  t.same(latchkey?.depends_on, { 'citus-distribute': { condition: 'service_completed_successfully' } })
  t.match(latchkey?.environment, { DATABASE_URL: 'postgres://latchkey@citus-coordinator/latchkey' })
})

t.test('the scripts of the profiles can be read by a shell', async (t) => {
  const scripts = readdirSync('docker').filter((name) => name.endsWith('.sh'))
  t.same(scripts, ['citus-nodes.sh', 'pgbouncer.sh', 'replica.sh'])
  for (const script of scripts)
    t.match(spawnSync('sh', ['-n', join('docker', script)], { encoding: 'utf8' }), { status: 0, stderr: '' })
})

const withoutCompose =
  spawnSync('docker', ['compose', 'version']).status !== 0 && 'Docker Compose is not installed'

t.test('Compose accepts the file', { skip: withoutCompose }, async (t) => {
  for (const profile of [[], ['--profile', '*']])
    t.match(spawnSync('docker', ['compose', ...profile, 'config', '--quiet'], { encoding: 'utf8' }), {
      status: 0,
      stderr: '',
    })
})

t.test('the image has the command line on its path', async (t) => {
  const dockerfile = readFileSync('Dockerfile', 'utf8')
  t.match(dockerfile, /ln -s \.\.\/dist\/src\/cli\/latchkey\.js bin\/latchkey /)
  t.match(dockerfile, /^ENV PATH=\/app\/bin:\$PATH$/m)
})

import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { Settings } from '../src/config/settings/index.js'

interface Service {
  ports?: string[]
  container_name?: string
  environment?: Record<string, string>
  volumes?: string[]
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

t.test('the image has the command line on its path', async (t) => {
  t.match(
    readFileSync('Dockerfile', 'utf8'),
    /^RUN ln -s \/app\/dist\/src\/cli\/latchkey\.js \/usr\/local\/bin\/latchkey$/m,
  )
})

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'

interface Service {
  image?: string
  build?: string | { context: string; dockerfile: string }
  environment?: Record<string, string | number>
  volumes?: string[]
  depends_on?: string[] | Record<string, object>
}

const { services, volumes: named } = parse(readFileSync('examples/compose.yaml', 'utf8'), {
  merge: true,
}) as { services: Record<string, Service>; volumes: Record<string, null> }

t.test('each address in the examples is that of one of their services', async (t) => {
  const texts = ['nginx/nginx.conf', 'compose.yaml'].map((file) =>
    readFileSync(join('examples', file), 'utf8'),
  )
  const hosts = texts.flatMap((text) => [...text.matchAll(/\w+:\/\/(?:\w+@)?(\w+)/g)].map(([, host]) => host))
  t.ok(hosts.length > 5)
  for (const host of hosts) t.ok(services[String(host)], String(host))
})

t.test('all services of the examples trust one issuer', async (t) => {
  const issuers = Object.values(services).flatMap(({ environment }) => environment?.ISSUER ?? [])
  t.equal(issuers.length, 5)
  t.same(new Set(issuers), new Set(['http://nginx:8080']))
})

t.test('what the examples are built from, mount and wait for is there', async (t) => {
  for (const [name, { build, volumes = [], depends_on = [] }] of Object.entries(services)) {
    if (typeof build === 'string') t.ok(readdirSync(join('examples', build)).includes('Dockerfile'), name)
    else if (build) t.ok(readdirSync(dirname(build.dockerfile)).includes('Dockerfile'), name)
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      const isThere = source.startsWith('./') ? readFileSync(join('examples', source)) : source in named
      t.ok(isThere, `${name}: ${source}`)
    }
    for (const other of [depends_on]
      .flat()
      .flatMap((one) => (typeof one === 'string' ? one : Object.keys(one))))
      t.ok(services[other], `${name}: ${other}`)
  }
})

t.test('each program of the examples has less than 60 lines', async (t) => {
  for (const file of ['inventory/inventory.py', 'nginx/nginx.conf', 'orders/orders.js', 'worker/main.go'])
    t.ok(readFileSync(join('examples', file), 'utf8').trimEnd().split('\n').length < 60, file)
})

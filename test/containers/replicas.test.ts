import t from 'tap'
import { docker, until, withoutDocker } from './docker.js'
import { startProfile } from './project.js'

const skip = withoutDocker('postgres:18', 'nginx:stable-alpine')

t.test('three replicas behind one port', { skip }, async (t) => {
  const { origin, containersOf } = await startProfile(t, 'replicas')
  const containers = await containersOf('latchkey')
  t.equal(containers.length, 3)
  const read = async () => (await fetch(`${origin}/.well-known/jwks.json`)).status

  t.test('all answer', async (t) => {
    for (const container of containers)
      await until(`a request at ${container}`, async () => {
        t.equal(await read(), 200)
        return (await docker(['logs', container])).includes('"path":"/.well-known/jwks.json"')
      })
  })

  t.test('no read fails while one is killed', async (t) => {
    const killed = docker(['kill', String(containers[0])])
    let isRunning = true
    killed.finally(() => {
      isRunning = false
    })
    const statuses = new Map<number, number>()
    for (let after = 0; after < 100; after += isRunning ? 0 : 1) {
      const status = await read()
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    t.same([...statuses.keys()], [200])
  })
})

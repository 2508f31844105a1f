import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { docker, until, withoutDocker } from './docker.js'
import { startProfile } from './project.js'

/** Changes so that the service can be reached without the proxy, runs as the user of Kubernetes, and is checked every second. */
const service = {
  user: '10001:10001',
  environment: { PORT: 8000 },
  ports: ['127.0.0.1::8000'],
  healthcheck: { interval: '1s', retries: 1 },
}

const skip = withoutDocker('postgres:18', 'nginx:stable-alpine')

t.test('a container of the service', { skip }, async (t) => {
  const { compose, containersOf } = await startProfile(t, 'none', { latchkey: service })
  const [container = ''] = await containersOf('latchkey')
  const inspect = (field: string) => docker(['inspect', '--format', `{{${field}}}`, container])

  t.test('is confined', async (t) => {
    t.equal(await inspect('.HostConfig.ReadonlyRootfs'), 'true')
    t.equal(await inspect('.HostConfig.CapDrop'), '[ALL]')
    t.equal(await compose('exec', 'latchkey', 'id', '-u'), '10001')
    await t.rejects(compose('exec', 'latchkey', 'touch', '/app/dist/canary'), /Read-only file system/)
  })

  t.test('is healthy while it can serve requests', async (t) => {
    t.equal(await inspect('.State.Health.Status'), 'healthy')
    await compose('stop', 'postgres')
    await until('the check to fail', async () => (await inspect('.State.Health.Status')) === 'unhealthy')
    await compose('start', 'postgres')
    await until('the check to succeed', async () => (await inspect('.State.Health.Status')) === 'healthy')
  })

  t.test('answers what it has begun when it is stopped', async (t) => {
    const published = await compose('port', 'latchkey', '8000')
    const socket = connect(Number(published.split(':')[1]), '127.0.0.1')
    await once(socket, 'connect')
    const form = 'username=johndoe&password=secret'
    const head = [
      'POST /token HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${form.length}`,
      'Expect: 100-continue',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    const [interim] = (await once(socket, 'data')) as [Buffer]
    t.match(String(interim), /^HTTP\/1\.1 100 /, 'the service has the request')
    const stopped = compose('stop', 'latchkey')
    const isReady = () =>
      fetch(`http://${published}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
    await until('the service to drain', async () => !(await isReady()))
    socket.write(form)
    t.match(await text(socket), /^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*"access_token"/i)
    await stopped
    t.equal(await inspect('.State.ExitCode'), '0')
  })
})

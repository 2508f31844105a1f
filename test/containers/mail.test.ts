import t from 'tap'
import { until, withoutDocker } from './docker.js'
import { startProfile } from './project.js'

const skip = withoutDocker('postgres:18', 'nginx:stable-alpine')

t.test('the profile mail shows the mails that the service sends', { skip }, async (t) => {
  const { origin, ports } = await startProfile(t, 'mail')
  const response = await fetch(`${origin}/account/forgot-password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'johndoe@example.com' }),
  })
  t.equal(response.status, 202)
  const mails = async () => (await fetch(`http://127.0.0.1:${ports.MAIL_PORT}/api/v1/messages`)).text()
  await until('the mail', async () => (await mails()).includes('johndoe@example.com'))
  t.match(await mails(), /"Subject":"[^"]*password/)
})

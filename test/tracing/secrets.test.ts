import t from 'tap'
import { startMailServer } from '../helpers/mail.js'
import { beginTrace, startTracedApp } from '../helpers/tracing.js'

const canary = 'cAnArY'

t.test('no export contains a name, password, token, query, header or value', async (t) => {
  const mail = await startMailServer(t)
  const { app, collector, origin, finish } = await startTracedApp(t, {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    REGISTRATION: 'open',
    SMTP_URL: mail.url,
  })
  const secrets: string[] = []

  async function send(path: string, init: RequestInit): Promise<Record<string, unknown>> {
    const headers = { ...beginTrace().headers, cookie: canary, 'user-agent': canary, ...init.headers }
    const response = await fetch(`${origin}${path}?query=${canary}`, { ...init, headers })
    const text = await response.text()
    return text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  }
  const json = (method: string, body: object, headers = {}) => ({
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const form = (fields: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(fields) })

  const user = { username: `${canary}-user`, password: `${canary} password` }
  await send('/users/', json('POST', { ...user, email: `${canary}@example.com` }))
  await mail.mailTo(`${canary}@example.com`, 'Confirm your e-mail address')
  const { access_token, refresh_token } = await send('/token', form({ ...user, grant_type: 'password' }))
  secrets.push(String(access_token), String(refresh_token))
  const authorization = `Bearer ${String(access_token)}`
  await send('/users/me/', { headers: { authorization } })
  await send('/users/me/', json('PATCH', { full_name: canary }, { authorization }))
  await send(`/users/me/items/${canary}`, json('PUT', { title: canary }, { authorization }))
  await send(`/users/${user.username}/items/`, { headers: { authorization } })
  await send('/users/me/items/', { headers: { authorization } })
  await send('/token', form({ grant_type: 'refresh_token', refresh_token: String(refresh_token) }))
  await send('/token', form({ username: canary, password: canary }))
  await send('/introspect', form({ token: String(access_token), client_id: canary, client_secret: canary }))
  await send('/revoke', form({ token: String(access_token) }))
  await send('/account/forgot-password', json('POST', { email: `${canary}@example.com` }))
  await send(`/${canary}`, { headers: { authorization: `Basic ${btoa(`${canary}:${canary}`)}` } })
  await app.background.idle()
  const spans = await finish()

  for (const name of ['POST /users/', 'PUT /users/me/items/:item_id', 'INSERT users', 'hash password'])
    t.ok(
      spans.some((span) => span.name === name),
      name,
    )
  const exported = Buffer.concat(collector.bodies).toString()
  t.notMatch(exported, new RegExp(canary, 'i'))
  t.notMatch(exported, Buffer.from(canary).toString('base64').slice(0, 7))
  for (const secret of secrets)
    for (const part of secret.split('.')) t.notOk(exported.includes(part), 'a part of a token')

  // Work after the response belongs to its request.
  const queued = spans.find(({ name }) => name === 'following up a registration')
  t.equal(spans.find(({ spanId }) => spanId === queued?.parentSpanId)?.name, 'POST /users/')
  t.ok(spans.some(({ name, parentSpanId }) => name === 'send mail' && parentSpanId === queued?.spanId))
})

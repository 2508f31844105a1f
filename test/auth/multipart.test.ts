import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'

const boundary = '----------------------------boundary'
const type = `multipart/form-data; boundary=${boundary}`

/** Writes a part as `curl -F` does. */
function part(name: string, value: string, more = ''): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
}

/** Writes a form. */
function form(...parts: string[]): string {
  return `${parts.join('')}--${boundary}--\r\n`
}

const username = part('username', 'johndoe')
const password = part('password', 'secret')

function missing(...names: string[]) {
  return {
    detail: names.map((name) => ({
      type: 'missing',
      loc: ['body', name],
      msg: 'Field required',
      input: null,
    })),
  }
}

const notText = (name: string) => ({ detail: [{ type: 'string_type', loc: ['body', name] }] })

function post(app: FastifyInstance, url: string, body: string | Buffer, contentType = type) {
  return app.inject({ method: 'POST', url, headers: { 'content-type': contentType }, payload: body })
}

t.test('a login as a multipart form', async (t) => {
  const app = await startApp(t)

  t.test('is accepted as FormData writes it', async (t) => {
    const data = new FormData()
    data.set('username', 'johndoe')
    data.set('password', 'secret')
    const request = new Request('http://localhost/token', { method: 'POST', body: data })
    const body = Buffer.from(await request.arrayBuffer())
    t.equal((await post(app, '/token', body, String(request.headers.get('content-type')))).statusCode, 200)
  })

  t.test('is accepted however a client writes it', async (t) => {
    const whole = form(username, password)
    for (const [what, body, contentType = type] of [
      ['curl', whole],
      ['names without quotes', whole.replaceAll(/name="(\w+)"/g, 'name=$1')],
      ['small letters', whole.replaceAll('Content-Disposition', 'content-disposition')],
      [
        'types of parts',
        form(username, password.replace('\r\n\r\n', '\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n')),
      ],
      ['unknown fields', form(username, password, part('__proto__', 'x'), part('remember', 'on'))],
      ['empty fields', form(username, password, part('grant_type', ''), part('scope', ''))],
      ['a quoted boundary', whole, `multipart/form-data; boundary="${boundary}"`],
      ['capital letters', whole, `Multipart/Form-Data; Charset=UTF-8; Boundary=${boundary}`],
      ['a grant type', form(username, password, part('grant_type', 'password'), part('scope', 'me'))],
    ] as const) {
      const response = await post(app, '/token', body, contentType)
      t.equal(response.statusCode, 200, what)
      t.match(response.json(), { token_type: 'bearer' }, what)
    }
  })

  t.test('that is incomplete, wrong or no login gets the answer of a URL-encoded one', async (t) => {
    for (const [what, body, status, answer] of [
      [
        'a wrong password',
        form(username, part('password', 'x')),
        401,
        { detail: 'Incorrect username or password' },
      ],
      ['no password', form(username), 422, missing('password')],
      ['an empty password', form(username, part('password', '')), 422, missing('password')],
      ['no part', form(), 422, missing('username', 'password')],
      ['no body', '', 422, missing('username', 'password')],
      [
        'a repeated field',
        form(username, password, password, password),
        400,
        { detail: 'A parameter is repeated' },
      ],
      ['an unknown grant', form(part('grant_type', 'x')), 400, { error: 'unsupported_grant_type' }],
    ] as const) {
      const response = await post(app, '/token', body)
      t.equal(response.statusCode, status, what)
      t.match(response.json(), answer, what)
    }
  })

  t.test('must not upload a file', async (t) => {
    const file = '; filename="password.txt"'
    for (const [body, status, answer] of [
      [form(username, part('password', 'secret', file)), 422, notText('password')],
      [form(username, password, part('avatar', 'x', '; filename=""')), 422, notText('avatar')],
      [
        form(username, part('grant_type', 'password'), part('password', 'secret', file)),
        400,
        { error: 'invalid_request' },
      ],
    ] as const) {
      const response = await post(app, '/token', body)
      t.equal(response.statusCode, status)
      t.match(response.json(), answer)
    }
  })

  t.test('is 400 if it is malformed, and 413 if it is too large', async (t) => {
    const whole = form(username, password)
    for (const [what, body, contentType = type] of [
      ['no boundary', whole, 'multipart/form-data'],
      ['another boundary', whole, 'multipart/form-data; boundary=x'],
      ['a URL-encoded form', 'username=johndoe&password=secret'],
      ['no end', username + password],
      ['an end within a value', whole.slice(0, -50)],
      ['a part without a name', form(username, password.replace('; name="password"', ''), password)],
      ['300 empty parts', `--${boundary}\r\n\r\n`.repeat(300)],
    ] as const) {
      const response = await post(app, '/token', body, contentType)
      t.equal(response.statusCode, 400, what)
      t.match(response.json(), { detail: 'A required parameter is missing or malformed' }, what)
    }
    t.equal((await post(app, '/token', form(username, part('password', 'x'.repeat(16_384))))).statusCode, 413)
  })

  t.test('does not match by replacement characters', async (t) => {
    for (const [name, answer] of [
      ['password', { detail: 'Incorrect username or password' }],
      ['client_secret', { detail: 'Incorrect username or password' }],
    ] as const) {
      const body = Buffer.from(form(username, part(name, 'a\xffb')), 'latin1')
      const response = await post(app, '/token', body)
      t.equal(response.statusCode, 401, name)
      t.match(response.json(), answer, name)
    }
  })
})

t.test('the other forms are accepted as multipart, too', async (t) => {
  const app = await startApp(t)
  await storeClient(app.database, 'application', 'the secret')
  const client = part('client_id', 'application') + part('client_secret', 'the secret')
  const grant = await post(app, '/token', form(client, part('grant_type', 'client_credentials')))
  const { access_token } = grant.json<{ access_token: string }>()
  const token = form(client, part('token', access_token))
  t.match((await post(app, '/introspect', token)).json(), { active: true, client_id: 'application' })
  t.equal((await post(app, '/revoke', token)).statusCode, 200)
  t.same((await post(app, '/introspect', token)).json(), { active: false })
  const file = form(client, part('token', access_token, '; filename="token"'))
  for (const body of [file, form(client, part('token', '\u00e9'.repeat(2))), form(client)])
    t.match(await post(app, '/introspect', body), { statusCode: 400, body: 'invalid_request' })
})

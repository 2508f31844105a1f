import t from 'tap'
import { everyScope, logIn, startApp } from '../../helpers/app.js'
import { runCommand } from '../../helpers/command.js'
import { cloneDatabase } from '../../helpers/database.js'

// Every PATCH is a merge patch (RFC 7396), whatever it changes.

interface Operation {
  requestBody: { content: Record<string, unknown> }
}

const url = await cloneDatabase(t)
const app = await startApp(t, { JWT_SECRET: '' }, url)
await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin items:admin'])
const authorization = `Bearer ${await logIn(app, 'johndoe', 'secret', everyScope)}`
const document = (await app.inject('/openapi.json')).json<{ paths: Record<string, { patch?: Operation }> }>()
const patches = Object.entries(document.paths).flatMap(([path, { patch }]) =>
  patch ? [{ path, patch }] : [],
)
const types = ['application/merge-patch+json', 'application/json']

t.test('every PATCH is documented with both media types', async (t) => {
  t.ok(patches.length > 4)
  for (const { path, patch } of patches) t.same(Object.keys(patch.requestBody.content), types, path)
})

t.test('every PATCH takes both media types, and no other', async (t) => {
  for (const { path } of patches)
    for (const [type, isTaken] of [
      ...types.map((type) => [type, true] as const),
      ['application/merge-patch+json; charset=utf-8', true] as const,
      ['application/json-patch+json', false] as const,
    ]) {
      const response = await app.inject({
        method: 'PATCH',
        url: path.replace('{username}', 'alice').replaceAll(/\{\w+\}/g, 'absent'),
        headers: { authorization, 'content-type': type },
        payload: '{}',
      })
      t.equal(response.statusCode !== 415, isTaken, `${path} ${type}`)
    }
})

t.test('a merge patch changes a user', async (t) => {
  const change = (url: string, payload: object) =>
    app.inject({ method: 'PATCH', url, headers: { authorization, 'content-type': types[0] }, payload })
  t.match((await change('/users/me/', { full_name: 'J. Doe' })).json(), { full_name: 'J. Doe' })
  t.match((await change('/users/alice/', { disabled: false })).json(), { disabled: false })
})

import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import t from 'tap'
import { fingerprint } from '../../../src/auth/secrets.js'
import { createRefreshTokenFinder } from '../../../src/auth/store/refresh-tokens.js'
import { postToken, startApp } from '../../helpers/app.js'

t.test('refresh tokens that are looked for in one turn are read by one statement', async (t) => {
  const app = await startApp(t)
  const statements: string[] = []
  const pool = {
    query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      statements.push(statement.text)
      return app.database.pool.query<Row>(statement)
    },
  }
  const find = createRefreshTokenFinder(Object.assign(Object.create(app.database), { pool }))
  const [first, second] = [await logIn(app), await logIn(app)]
  const [one, none, other, again] = await Promise.all(
    [first, 'unknown', second, first].map(fingerprint).map(find),
  )
  t.match([one, other], [{ username: 'johndoe' }, { username: 'johndoe' }])
  t.not(one?.familyId, other?.familyId)
  t.equal(none, null)
  t.same(again, one)
  t.equal(statements.length, 1)
})

async function logIn(app: FastifyInstance): Promise<string> {
  const response = await postToken(app, { username: 'johndoe', password: 'secret' })
  return response.json<{ refresh_token: string }>().refresh_token
}

import t from 'tap'
import { summarize } from '../../src/database/statement-summary.js'

t.test('a statement is summarized by its operation and its first table', async (t) => {
  for (const [text, operation, table] of [
    ['SELECT 1', 'SELECT', undefined],
    ['select id from users where id = $1', 'SELECT', undefined],
    ['SELECT id FROM users WHERE id = $1', 'SELECT', 'users'],
    ['\n  SELECT id\n  FROM users\n', 'SELECT', 'users'],
    ['SELECT "public"."users"."id" FROM "public"."users" WHERE 1=1 FOR UPDATE', 'SELECT', 'users'],
    ['SELECT EXISTS (SELECT FROM departures WHERE (id = $2)) FROM users', 'SELECT', 'users'],
    ['SELECT FROM unnest($1::uuid[]) AS x CROSS JOIN LATERAL (SELECT FROM items) AS y', 'SELECT', 'items'],
    ['SELECT set_config(name, value, false) FROM (VALUES (1)) AS setting', 'SELECT', undefined],
    [
      'SELECT FROM f($1) AS x CROSS JOIN LATERAL (SELECT extract(epoch FROM y.z) FROM keys AS y) AS y',
      'SELECT',
      'keys',
    ],
    ['SELECT a IS DISTINCT FROM b, substring(c FROM d) FROM users', 'SELECT', 'users'],
    ['INSERT INTO "public"."events" ("id") VALUES ($1)', 'INSERT', 'events'],
    ['INSERT INTO keys (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = $1', 'INSERT', 'keys'],
    ['UPDATE users SET email = $1 FROM links WHERE true', 'UPDATE', 'users'],
    ['DELETE FROM items WHERE owner_id = $1', 'DELETE', 'items'],
    ['WITH one AS (SELECT FROM users FOR UPDATE) SELECT FROM one', 'SELECT', 'users'],
    ['WITH one AS (SELECT FROM users), two AS (INSERT INTO events (id) SELECT 1) SELECT', 'INSERT', 'events'],
    ['WITH one (id) AS MATERIALIZED (SELECT 1) UPDATE users SET x = 1 FROM one', 'UPDATE', 'users'],
    ['COMMIT', 'COMMIT', undefined],
    ["NOTIFY channel, 'FROM secret'", 'NOTIFY', undefined],
    ['GRANT SELECT ON users TO x', '_OTHER', undefined],
    ['', '_OTHER', undefined],
  ] as const)
    for (const _ of ['read', 'remembered']) t.strictSame(summarize(text), { operation, table }, text)
})

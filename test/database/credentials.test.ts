import t from 'tap'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

/** Tables with an expiry but no generation, and why they need none. */
const reasons: Record<string, string> = {
  revoked_tokens: 'marks tokens that are no longer valid',
  idempotency_keys:
    'is read only for a caller whose token was checked, and does not outlive the caller or the owner of the response',
  guess_counts: 'counts failures',
  known_networks: 'grants no access: it exempts a network from one of the limits',
  mail_budgets: 'counts mails',
  assertion_uses: 'marks assertions that are no longer valid',
  outbox: 'has messages that are sent to the endpoint of an operator, and grants no access',
}

/** Selects the tables with an expiry, whether they have a generation, and the tables that they refer to. */
const expiring = `
  SELECT relname AS name,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'user_generation') AS generation,
    ARRAY(
      SELECT confrelid::regclass::text FROM pg_constraint WHERE conrelid = class.oid AND contype = 'f'
    ) AS parents
  FROM pg_class AS class
  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'expires_at' AND NOT attisdropped)`

t.test('every table of credentials has a generation, or a reason to have none', async (t) => {
  const tables = await query<{ name: string; generation: boolean; parents: string[] }>(
    await cloneDatabase(t),
    expiring,
  )
  const bound = tables.filter(({ generation }) => generation).map(({ name }) => name)
  t.same(bound.sort(), ['one_time_tokens', 'token_families'])
  for (const { name, generation, parents } of tables)
    t.equal(
      generation || parents.some((parent) => bound.includes(parent)),
      reasons[name] === undefined,
      `${name} has either a generation or a reason`,
    )
  for (const name of Object.keys(reasons)) t.ok(tables.some((table) => table.name === name))
})

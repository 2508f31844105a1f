import t from 'tap'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

/** Tables with an expiry that name no generation of what they stand on, and why they need none. */
const reasons: Record<string, string> = {
  revoked_tokens: 'says that something is no longer good',
  idempotency_keys:
    'is read only for a caller whose token was checked, and goes with the owner of its answer',
  guess_counts: 'counts failures',
  known_networks: 'lets nobody in: it spares a network one of the limits',
  mail_budgets: 'counts mails',
}

/** Tables with an expiry, whether they have a generation, and the tables that they refer to. */
const expiring = `
  SELECT relname AS name,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'user_generation') AS generation,
    ARRAY(
      SELECT confrelid::regclass::text FROM pg_constraint WHERE conrelid = class.oid AND contype = 'f'
    ) AS parents
  FROM pg_class AS class
  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'expires_at' AND NOT attisdropped)`

t.test('every stored credential names the generation it was issued under, or says why not', async (t) => {
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

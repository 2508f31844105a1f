import pg from 'pg'

// Storage for node-oidc-provider: one table of payloads, as in the adapters of its community. The statements are prepared.

const table = `CREATE TABLE IF NOT EXISTS oidc_payloads (
  id text, type text, payload jsonb NOT NULL, grant_id text, user_code text, uid text,
  expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (id, type))`

const statements = {
  upsert: `INSERT INTO oidc_payloads (id, type, payload, grant_id, user_code, uid, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 s')
    ON CONFLICT (id, type) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
      user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`,
  find: select('id'),
  findByUserCode: select('user_code'),
  findByUid: select('uid'),
  consume: 'UPDATE oidc_payloads SET consumed_at = now() WHERE id = $1 AND type = $2',
  destroy: 'DELETE FROM oidc_payloads WHERE id = $1 AND type = $2',
  revokeByGrantId: 'DELETE FROM oidc_payloads WHERE grant_id = $1 AND type = $2',
}

/** @param {string} databaseUrl */
export async function openPostgresAdapter(databaseUrl) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  pool.on('error', () => {})
  // Several processes may create the table at once, which PostgreSQL does not allow for.
  await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(1); ${table}; COMMIT`)
  const adapter = (/** @type {string} */ type) => createAdapter(pool, type)
  return {
    adapter,
    add: (/** @type {string} */ type, /** @type {string} */ id, /** @type {object} */ payload) =>
      adapter(type).upsert(id, payload, null),
  }
}

/**
 * @param {pg.Pool} pool
 * @param {string} type
 */
function createAdapter(pool, type) {
  const execute = (/** @type {keyof typeof statements} */ name, /** @type {unknown[]} */ ...values) =>
    pool.query({ name, text: statements[name], values })

  /**
   * @param {'find' | 'findByUserCode' | 'findByUid'} name
   * @param {string} value
   */
  async function findBy(name, value) {
    const { rows } = await execute(name, value, type)
    return rows[0] && { ...rows[0].payload, ...(rows[0].consumed_at && { consumed: true }) }
  }

  return {
    /**
     * @param {string} id
     * @param {Record<string, unknown>} payload
     * @param {number | null} seconds until it expires
     */
    upsert: (id, payload, seconds) => {
      const { grantId, userCode, uid } = payload
      return execute('upsert', id, type, payload, grantId, userCode, uid, seconds)
    },
    find: (/** @type {string} */ id) => findBy('find', id),
    findByUserCode: (/** @type {string} */ code) => findBy('findByUserCode', code),
    findByUid: (/** @type {string} */ uid) => findBy('findByUid', uid),
    consume: (/** @type {string} */ id) => execute('consume', id, type),
    destroy: (/** @type {string} */ id) => execute('destroy', id, type),
    revokeByGrantId: (/** @type {string} */ grantId) => execute('revokeByGrantId', grantId, type),
  }
}

/** @param {string} column */
function select(column) {
  return `SELECT payload, consumed_at FROM oidc_payloads
    WHERE ${column} = $1 AND type = $2 AND (expires_at IS NULL OR expires_at > now())`
}

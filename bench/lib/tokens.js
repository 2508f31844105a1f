import { createPrivateKey, randomUUID } from 'node:crypto'
import { claimsFor } from '#dist/src/auth/access-token.js'
import { toPem } from '#dist/src/auth/keys/generate.js'
import { ringKey } from '#dist/src/auth/keys/jwt.js'
import { listKeys, openPrivateKey } from '#dist/src/auth/keys/key-store.js'
import { signingKey } from '#dist/src/auth/keys/lifecycle.js'
import { fingerprint, newRefreshToken } from '#dist/src/auth/secrets.js'
import { loadConfig } from '#dist/src/config/index.js'
import { openDatabase } from '#dist/src/database/client.js'
import { sealingKeysOf } from '#dist/src/sealing/sealing-keys.js'
import { serviceSettings } from './service.js'

/** @typedef {{ id: string, username: string }} User */
/** @typedef {Awaited<ReturnType<typeof openIssuer>>} Issuer */

const clientId = 'first-party'
const scope = 'me items:read items:write'

/**
 * Returns functions that issue tokens as the service does, with its keys but without checking passwords. Ten thousand
 * logins would take longer than all measurements.
 *
 * @param {string} databaseUrl
 * @param {import('pg').Client} sql
 */
export async function openIssuer(databaseUrl, sql) {
  const config = loadConfig(serviceSettings(databaseUrl))
  const { key, publicPem } = await readSigningKey(config, databaseUrl)
  const issuer = { iss: config.issuer, aud: config.audience }

  /** @param {User & { sid: string }} family */
  function sign({ username, sid }) {
    const grant = { sub: username, clientId, scope, sid }
    return key.sign(claimsFor(grant, issuer, randomUUID(), Date.now() / 1000, config.accessTokenTtlSeconds))
  }

  return {
    publicPem,

    /** Returns an access token for each user, each of its own login. @param {User[]} users */
    async accessTokens(users) {
      return (await addFamilies(sql, users)).map(sign)
    },

    /** Returns a refresh token for each user, each of its own login. @param {User[]} users */
    async refreshTokens(users) {
      return addRefreshTokens(sql, await addFamilies(sql, users))
    },
  }
}

/**
 * @param {import('#dist/src/config/index.js').Config} config
 * @param {string} databaseUrl
 */
async function readSigningKey(config, databaseUrl) {
  const database = openDatabase(config, databaseUrl)
  const keys = await listKeys(database).finally(() => database.$disconnect())
  const stored = signingKey(keys, new Date())
  if (!stored) throw new Error('the service has no signing key')
  const der = openPrivateKey(stored, sealingKeysOf(config))
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicPem = toPem(stored.publicJwk)
  return { key: await ringKey(stored.kid, stored.algorithm, publicPem, privateKey), publicPem }
}

/**
 * @param {import('pg').Client} sql
 * @param {User[]} users
 */
async function addFamilies(sql, users) {
  const families = users.map((user) => ({ ...user, sid: randomUUID() }))
  await sql.query(
    `INSERT INTO token_families
       (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at)
     SELECT id, user_id, $3, $4, 0, 0, now() + interval '90 days', now() + interval '91 days'
     FROM unnest($1::uuid[], $2::uuid[]) AS family (id, user_id)`,
    [families.map(({ sid }) => sid), families.map(({ id }) => id), clientId, scope],
  )
  return families
}

/**
 * @param {import('pg').Client} sql
 * @param {{ sid: string }[]} families
 */
async function addRefreshTokens(sql, families) {
  const tokens = families.map(() => newRefreshToken())
  await sql.query(
    `INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
     SELECT fingerprint, family_id, now() + interval '14 days'
     FROM unnest($1::bytea[], $2::uuid[]) AS token (fingerprint, family_id)`,
    [tokens.map(fingerprint), families.map(({ sid }) => sid)],
  )
  return tokens
}

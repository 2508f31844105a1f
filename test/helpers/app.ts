import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../../src/app.js'
import { loadConfig } from '../../src/config/index.js'
import { openDatabase } from '../../src/database/client.js'
import { cloneDatabase } from './database.js'
import { until } from './wait.js'

/** The tutorial's published example secret. */
export const jwtSecret = '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7'

/** Every scope that an administrator can have. */
export const everyScope = 'me items:read items:write users:admin items:admin'

/** Limits that tests do not reach, which all come from one network, however slow the machine is. */
const highLimits = {
  DATABASE_TIMEOUT_SECONDS: '60',
  LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '1000000',
  LOGIN_FAILURES_PER_NETWORK: '1000000',
  LOGIN_FAILURES_PER_ACCOUNT: '1000000',
}

/**
 * Starts the service in the process of the test, over a new database with the tutorial's users. It closes with the test.
 *
 * @param settings environment variables; by default the log is silent and passwords are hashed at the lowest cost
 */
export async function startApp(
  t: Test,
  settings: Record<string, string> = {},
  url?: string,
  surroundings?: Parameters<typeof buildApp>[2],
): Promise<FastifyInstance> {
  const config = loadConfig({
    LOG_LEVEL: 'silent',
    JWT_SECRET: jwtSecret,
    BCRYPT_COST: '4',
    ...highLimits,
    ...settings,
  })
  const app = await buildApp(config, openDatabase(config, url ?? (await cloneDatabase(t))), surroundings)
  t.teardown(() => app.close())
  await app.openKeys()
  return app
}

/** Waits until the service receives changes. Until then it serves no status list. */
export async function untilConnected(app: FastifyInstance): Promise<void> {
  await app.ready()
  await until(() => app.changes.isConnected())
}

/**
 * Posts a form to `/token`; a string is sent unchanged. Like the helpers below, it first waits until the service has received
 * the changes that the test made in the database.
 */
export async function postToken(app: FastifyInstance, form: Record<string, string> | string, headers = {}) {
  await app.changes.sync()
  return app.inject({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  })
}

/** Returns the access token of the tutorial's login or, with a scope, of the password grant. */
export async function logIn(
  app: FastifyInstance,
  username: string,
  password: string,
  scope?: string,
): Promise<string> {
  const asked = scope === undefined ? {} : { grant_type: 'password', scope }
  const response = await postToken(app, { username, password, ...asked })
  return response.json<{ access_token: string }>().access_token
}

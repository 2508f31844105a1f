import type { Command } from 'commander'
import { listKeys, openPrivateKey } from '../auth/keys/key-store.js'
import { findMacKey } from '../auth/keys/mac-key-store.js'
import { isExposed, sealingKeysOf } from '../auth/keys/sealing-keys.js'
import { type Config, readConfig } from '../config/index.js'
import { findUnsafeSettings } from '../config/production.js'
import { type Database, openDatabase } from '../database/client.js'
import { migrationStatus } from '../database/migrations.js'
import { isOwnSession } from '../database/pooler.js'
import { borrowServer } from '../database/provision.js'
import { prepareSession, SessionClient, sessionOptions } from '../database/session.js'
import { openTransport } from '../email/transport.js'
import { reportClaims } from '../users/names/taken-names.js'
import { describePublished, findPublishedPasswords } from '../users/published-passwords.js'
import { lastSupportedDay } from './node-releases.js'
import { printRows } from './output.js'
import { CommandError, type Io } from './run.js'

/** What came of one check: `fail` keeps the deployment from working or from being safe. */
interface Finding {
  state: 'ok' | 'warn' | 'fail'
  check: string
  explanation: string
}

/** What the checks look at. */
interface CheckContext {
  config: Config
  database: Database
  url: string
}

type Check = (patient: CheckContext) => Promise<Finding[]>

/** Maximum number of names in one explanation. */
const maxNamed = 20
const oldestPostgres = 150_000
/** Tokens are good from the moment they are issued, by whichever clock. */
const largestClockDifferenceMs = 2_000

/** `latchkey doctor` */
export function addDoctorCommand(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('check Node.js, settings, database, keys and mail, and explain what is wrong')
    .option('--json', 'print JSON')
    .action(async function runChecks({ json }: { json?: boolean }) {
      const config = readConfig(io.env)
      const findings = [checkNode(io), ...checkSettings(config, io.env)]
      const server = await borrowServer(config)
      const database = openDatabase(config, server.url)
      try {
        for (const [name, check] of Object.entries(checks))
          findings.push(...(await check({ config, database, url: server.url }).catch(failed(name))))
      } finally {
        await database.$disconnect()
        await server.stop()
      }
      printRows(
        io,
        findings.map((finding) => ({ ...finding })),
        ['state', 'check', 'explanation'],
        json,
      )
      const failures = findings.filter(({ state }) => state === 'fail').length
      if (failures > 0) throw new CommandError(1, `${failures} of ${findings.length} checks failed`)
    })
}

const checks: Record<string, Check> = {
  server: checkServer,
  sessions: checkSessions,
  replica: checkReplica,
  migrations: checkMigrations,
  keys: checkKeys,
  clients: checkClients,
  users: checkUsers,
  names: checkNames,
  mail: checkMail,
}

/** One line, without the values of settings. */
function failed(check: string) {
  return ({ message }: Error): Finding[] => [
    { state: 'fail', check, explanation: message.trim().replace(/\s+/g, ' ').slice(0, 300) },
  ]
}

function checkNode({ nodeVersion, now }: Io): Finding {
  const lastDay = lastSupportedDay(nodeVersion)
  return finding(
    lastDay === null || now.toISOString().slice(0, 10) <= lastDay,
    'Node.js',
    `is ${nodeVersion}`,
    `is ${nodeVersion}, which has had no security fixes since ${lastDay}: use Node.js 24`,
    'warn',
  )
}

function checkSettings(config: Config, environment: NodeJS.ProcessEnv): Finding[] {
  const state = config.production ? 'fail' : 'warn'
  const unsafe = findUnsafeSettings(config, environment)
  if (unsafe.length === 0) return [{ state: 'ok', check: 'settings', explanation: 'fit for production' }]
  return unsafe.map(({ setting, problem }) => ({ state, check: setting, explanation: problem }))
}

async function checkServer({ config, database }: CheckContext): Promise<Finding[]> {
  const before = Date.now()
  const [server] = await database.$queryRaw<
    { version: string; number: number; writable: boolean; places: number; time: Date; zone: string }[]
  >`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
      NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS places,
      clock_timestamp() AS time, current_setting('TimeZone') AS zone`
  const { version, number, writable, places, time, zone } = server as NonNullable<typeof server>
  const difference = Math.round(Math.abs(time.getTime() - (before + Date.now()) / 2))
  return [
    finding(number >= oldestPostgres, 'PostgreSQL', `is ${version}`, `is ${version}: 15 or later is needed`),
    finding(writable, 'writes', 'are taken', 'are refused: the server is a standby or read-only'),
    finding(
      config.databasePoolSize < places,
      'connections',
      `${config.databasePoolSize} of ${places} for each process`,
      `DATABASE_POOL_SIZE is ${config.databasePoolSize}, and the server takes ${places} in all`,
    ),
    finding(
      zone === 'UTC',
      'time zone',
      `of the sessions is ${zone}`,
      `of the sessions is ${zone}: UTC is needed`,
    ),
    finding(
      difference <= largestClockDifferenceMs,
      'clock',
      'agrees with that of the server',
      `is ${difference} ms off that of the server: let both follow NTP`,
    ),
  ]
}

/** What the service's connections are, which these of ours need not be. */
async function checkSessions({ config, url }: CheckContext): Promise<Finding[]> {
  const session = { url: config.databaseUrl ?? url, isOwn: false }
  const connection = new SessionClient(sessionOptions(session))
  connection.on('error', () => {})
  await connection.connect()
  try {
    if (await isOwnSession(connection))
      return [
        finding(
          config.databaseDirectUrl === undefined,
          'sessions',
          "are PostgreSQL's own",
          "are PostgreSQL's own, but a DATABASE_DIRECT_URL takes their limits and prepared statements away: unset it",
          'warn',
        ),
      ]
    await prepareSession(connection, session)
    const { rows } = await connection.query<{ statement_timeout: string }>('SHOW statement_timeout')
    return [
      finding(
        config.databaseDirectUrl !== undefined,
        'sessions',
        "are a pooler's, and there is a DATABASE_DIRECT_URL",
        "are a pooler's: set DATABASE_DIRECT_URL to PostgreSQL itself",
      ),
      finding(
        rows[0]?.statement_timeout !== '0',
        'limits',
        'are set for the role',
        'are not set, and cannot be through a pooler: ALTER ROLE … SET statement_timeout, lock_timeout',
        'warn',
      ),
    ]
  } finally {
    await connection.end()
  }
}

async function checkReplica({ database }: CheckContext): Promise<Finding[]> {
  if (!database.replica) return []
  const problem = await database.replica.inspect()
  return [
    finding(problem === null, 'replica', 'is a standby that keeps up', `of DATABASE_REPLICA_URL ${problem}`),
  ]
}

async function checkMigrations({ url }: CheckContext): Promise<Finding[]> {
  const { applied, pending } = await migrationStatus(url)
  return [
    finding(
      pending.length === 0,
      'migrations',
      `all ${applied.length} are applied`,
      `${pending.length} are missing: latchkey migrate`,
    ),
  ]
}

async function checkKeys({ config, database }: CheckContext): Promise<Finding[]> {
  const sealingKeys = sealingKeysOf(config)
  const keys = (await listKeys(database)).filter(({ retiredAt }) => retiredAt === null)
  const exposed = [...keys, ...(await database.macKey.findMany())].filter((key) =>
    isExposed(key, sealingKeys[0]),
  )
  if (exposed.length > 0)
    return [{ state: 'fail', check: 'keys', explanation: `${exposed.length} ${willBeReplaced}` }]
  if (config.jwtSecret) return [{ state: 'ok', check: 'keys', explanation: 'a shared secret signs' }]
  for (const key of keys) openPrivateKey(key, sealingKeys)
  return [{ state: 'ok', check: 'keys', explanation: `${keys.length} can be decrypted` }]
}

const willBeReplaced =
  'were sealed under a published secret: the next start replaces them, which ends all tokens and secrets of clients'

async function checkClients({ database }: CheckContext): Promise<Finding[]> {
  const without = await database.client.findMany({
    where: { confidential: true, disabled: false, secrets: { none: {} } },
    select: { clientId: true },
    orderBy: { clientId: 'asc' },
  })
  const names = without.map(({ clientId }) => clientId).join(', ')
  return [
    finding(
      without.length === 0,
      'clients',
      'that need a secret have one',
      `without a secret: ${names}: latchkey clients rotate-secret CLIENT-ID`,
      'warn',
    ),
  ]
}

async function checkUsers({ config, database }: CheckContext): Promise<Finding[]> {
  const published = config.production ? await findPublishedPasswords(database) : []
  const administrators = await database.user.count({
    where: { disabled: false, scopes: { has: 'users:admin' } },
  })
  return [
    ...published.map(
      (name): Finding => ({ state: 'fail', check: name, explanation: describePublished(name) }),
    ),
    finding(
      administrators > 0,
      'administrators',
      `there are ${administrators}`,
      'there are none: latchkey users set-scopes NAME --scope users:admin',
      'warn',
    ),
  ]
}

async function checkNames({ config, database }: CheckContext): Promise<Finding[]> {
  const macKey = await findMacKey(database, sealingKeysOf(config))
  const { alike, lost } = await reportClaims(database, macKey)
  const [few, more] = [alike.slice(0, maxNamed).join(' '), alike.length > maxNamed ? ' …' : '']
  return [
    finding(
      lost === 0,
      'former names',
      'are known by the MAC key',
      `${lost} keys of them were made with another MAC key: these names can be registered again`,
      'warn',
    ),
    finding(
      alike.length === 0,
      'names',
      'can be told apart',
      `${alike.length} look like ones that were taken earlier: ${few}${more}`,
      'warn',
    ),
  ]
}

async function checkMail({ config }: CheckContext): Promise<Finding[]> {
  if (config.mail === 'off') {
    const explanation = 'is off, as there is no SMTP_URL: nobody can reset a password or change an address'
    return [{ state: 'warn', check: 'mail', explanation }]
  }
  const transport = openTransport(config)
  await transport.verify().finally(transport.close)
  const inFiles = 'is written into files: there is no SMTP_URL'
  return [finding(config.mail === 'smtp', 'mail', 'the server of SMTP_URL takes it', inFiles, 'warn')]
}

function finding(
  isWell: boolean,
  check: string,
  well: string,
  wrong: string,
  otherwise: Finding['state'] = 'fail',
): Finding {
  return isWell ? { state: 'ok', check, explanation: well } : { state: otherwise, check, explanation: wrong }
}

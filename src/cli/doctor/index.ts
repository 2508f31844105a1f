import { type Command, Option } from 'commander'
import { type Config, readConfig } from '../../config/index.js'
import { openDatabase } from '../../database/client.js'
import { isDatabaseUnavailable } from '../../database/errors.js'
import { borrowServer } from '../../database/provision.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { CommandError } from '../command-error.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import type { Options } from '../run.js'
import { checkAddress, checkIssuer } from './address.js'
import { checkCluster } from './cluster.js'
import { checkDirectUrl, checkMigrations, checkReplica, checkServer, checkSessions } from './database.js'
import type { Check, CheckContext, Finding } from './finding.js'
import { checkKeySets } from './key-sets.js'
import { checkClients, checkKeys } from './keys.js'
import { checkMail } from './mail.js'
import { checkMetrics } from './metrics.js'
import { orphansAction } from './orphans.js'
import { checkNode, checkSettings } from './process.js'
import { checkResources } from './resources.js'
import { checkServers } from './servers.js'
import { checkNames, checkUsers } from './users.js'
import { checkWebhooks } from './webhooks.js'

/** Maximum length of the explanation of an error. */
const maxReasonLength = 300

/** Checks of the database server, which need no tables. */
const serverChecks: Record<string, Check> = {
  servers: checkServers,
  server: checkServer,
  sessions: checkSessions,
  'direct URL': checkDirectUrl,
  replica: checkReplica,
  cluster: checkCluster,
  migrations: checkMigrations,
}

/** Checks of what the tables contain. */
const contentChecks: Record<string, Check> = {
  keys: checkKeys,
  clients: checkClients,
  'key sets': checkKeySets,
  resources: checkResources,
  users: checkUsers,
  names: checkNames,
  webhooks: checkWebhooks,
}

/** `latchkey doctor` */
export function addDoctorCommand(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('check Node.js, settings, address, database, keys and mail, and explain each problem')
    .addOption(
      new Option(
        '--orphans [action]',
        'instead, look for items whose owner does not exist, and remove them if asked to',
      ).choices(['remove']),
    )
    .option('--yes', 'do not ask before items are removed')
    .action(async function runDoctor({ orphans }: Options, command: Command) {
      await (orphans ? orphansAction(io)(command) : printFindings(io, command.optsWithGlobals().json))
    })
}

/** Checks the deployment, and prints what it finds. @throws CommandError if a check has failed */
async function printFindings(io: Io, json: unknown): Promise<void> {
  const findings = [checkNode(io), ...(await checkDeployment(io))]
  const rows = findings.map((finding) => ({ ...finding }))
  printRows(io, rows, ['state', 'check', 'explanation'], json)
  const failures = findings.filter(({ state }) => state === 'fail').length
  if (failures > 0) throw new CommandError(1, `${failures} of ${findings.length} checks failed`)
}

async function checkDeployment(io: Io): Promise<Finding[]> {
  let config: Config
  try {
    config = readConfig(io.env)
  } catch (error) {
    return toFailure('settings', error as Error)
  }
  return [
    ...checkSettings(config, io.env),
    await checkAddress(config),
    await checkIssuer(config),
    ...(await checkMetrics(config)),
    ...(await checkMail(config).catch((error: Error) => toFailure('mail', error))),
    ...(await checkDatabase(config).catch((error: Error) => toFailure('database', error))),
  ]
}

/** Checks the database. Where production lacks a DATABASE_URL, `checkSettings` has reported that. */
async function checkDatabase(config: Config): Promise<Finding[]> {
  if (config.production && config.databaseUrl === undefined) return []
  const server = await borrowServer(config)
  const database = openDatabase(config, server.url)
  const context = { config, database, url: server.url }
  try {
    const findings = await runChecks(serverChecks, context)
    const hasTables = findings.some(({ check, state }) => check === 'migrations' && state === 'ok')
    return hasTables ? [...findings, ...(await runChecks(contentChecks, context))] : findings
  } finally {
    await database.$disconnect()
    await server.stop()
  }
}

/** Runs checks one after the other, since each may use the database, until it cannot be reached. */
async function runChecks(checks: Record<string, Check>, context: CheckContext): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const [name, check] of Object.entries(checks))
    try {
      findings.push(...(await check(context)))
    } catch (error) {
      findings.push(...toFailure(name, error as Error))
      if (isDatabaseUnavailable(error)) break
    }
  return findings
}

/** Reports an error in one line. */
function toFailure(check: string, error: Error): Finding[] {
  return [{ state: 'fail', check, explanation: reasonOf(error).slice(0, maxReasonLength) }]
}

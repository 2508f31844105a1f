import { type Config, loadConfig } from '../config.js'
import { provideServer } from '../database/server.js'
import { StartupError } from '../startup-error.js'

/** What a command works with. */
export interface Context {
  config: Config
  /** The database, embedded or not, for as long as the command runs. */
  url: string
  /** What stands after the command's name. */
  args: string[]
  print(line: string): void
}

/**
 * Runs a command against the configured database and ends the process: with the status that the command returns,
 * or with one line that says what is wrong and status 1.
 */
export async function runCommand(command: (context: Context) => Promise<number>): Promise<void> {
  const status = await withServer(command).catch((error: Error) => {
    process.stderr.write(`latchkey: ${error instanceof StartupError ? error.message : error.stack}\n`)
    return 1
  })
  process.exit(status)
}

async function withServer(command: (context: Context) => Promise<number>): Promise<number> {
  const config = loadConfig(process.env)
  const server = await provideServer(config)
  try {
    const print = (line: string) => process.stdout.write(`${line}\n`)
    return await command({ config, url: server.url, args: process.argv.slice(2), print })
  } finally {
    await server.stop()
  }
}

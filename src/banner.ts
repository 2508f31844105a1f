import type { Config } from './config/index.js'
import type { Database } from './database/client.js'
import { mailFolderOf } from './email/unsent.js'
import { isPasswordOf } from './users/published-passwords.js'

/**
 * Returns the text for the person who started the service: its URL, and how to try it. In production the text is empty, as
 * nobody reads it.
 *
 * @param port on which the service listens
 */
export async function createBanner(
  config: Pick<Config, 'production' | 'port' | 'issuer' | 'mail' | 'dataDirectory' | 'documentation'>,
  port: number,
  database: Database,
): Promise<string> {
  if (config.production) return ''
  // With PORT=0 the system chooses the port, so the issuer does not have it.
  const origin = config.port === 0 ? `http://localhost:${port}` : config.issuer
  const lines = [`Open     ${origin}/`]
  if (config.documentation) lines.push(`Try it   ${origin}/docs`)
  // If the database has become unreachable, that is reported elsewhere.
  if (await isPasswordOf('johndoe', 'secret', database).catch(() => false))
    lines.push(`Log in   ${config.documentation ? 'press Authorize, then ' : ''}johndoe / secret`)
  if (config.mail === 'files')
    lines.push(`Mail     is not sent: its links are printed here, and ${mailFolderOf(config)} has the files`)
  lines.push('Stop     Ctrl-C')
  return ['', 'Latchkey is ready.', ...lines.map((line) => `  ${line}`), '', ''].join('\n')
}

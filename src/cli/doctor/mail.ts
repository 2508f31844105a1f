import type { Config } from '../../config/index.js'
import { openTransport } from '../../email/transport.js'
import { type Finding, finding } from './finding.js'

/** Checks that the mail server accepts connections. */
export async function checkMail(config: Config): Promise<Finding[]> {
  if (config.mail === 'off') {
    const explanation = 'off, since SMTP_URL is not set: nobody can reset a password or change an address'
    return [{ state: 'warn', check: 'mail', explanation }]
  }
  const transport = openTransport(config)
  await transport.verify().finally(transport.close)
  return [
    finding('mail', config.mail === 'smtp', {
      ok: 'the server of SMTP_URL accepted a connection and the login',
      warn: 'written to files, since SMTP_URL is not set',
    }),
  ]
}

import { join } from 'node:path'
import type { Config } from '../config/index.js'
import type { Mail } from './message.js'

// E-mails that are written to files instead of being sent.

/** Returns the folder of the files. */
export function mailFolderOf({ dataDirectory }: Pick<Config, 'dataDirectory'>): string {
  return join(dataDirectory, 'mail')
}

/** Returns a summary of an e-mail for a developer: recipient, subject, and each link on a line of its own. */
export function announce({ to, subject, text }: Mail): string {
  const links = text.match(/^https?:\/\/\S+$/gm) ?? []
  return [`Mail to ${to}: ${subject}`, ...links.map((link) => `  ${link}`), '', ''].join('\n')
}

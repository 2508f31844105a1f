import { randomUUID } from 'node:crypto'
import { rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import type { Config } from '../config/index.js'
import { makeDirectory } from '../files.js'
import type { Mail } from './message.js'
import { mailFolderOf } from './unsent.js'

/** Delivers e-mails. */
export interface MailTransport {
  /** Sends an e-mail. Returns the message to log. */
  send(mail: Mail): Promise<string>
  /** Rejects if e-mails cannot be sent. */
  verify(): Promise<unknown>
  close(): void
}

/** Settings of a transport. */
export type TransportSettings = Pick<Config, 'smtpUrl' | 'mailFrom' | 'dataDirectory'>

/** Options of the SMTP connections: a small pool, and a timeout of 5 s (given in milliseconds) for each step. */
const smtpOptions = {
  pool: 'true',
  maxConnections: '2',
  connectionTimeout: '5000',
  greetingTimeout: '5000',
  socketTimeout: '5000',
  dnsTimeout: '5000',
}

/** Opens a transport to the server of `SMTP_URL` or, without one, to a folder of files, for development. */
export function openTransport({ smtpUrl, mailFrom, dataDirectory }: TransportSettings): MailTransport {
  return smtpUrl ? openSmtp(smtpUrl, mailFrom) : openFolder(mailFolderOf({ dataDirectory }), mailFrom)
}

function openSmtp(smtpUrl: string, from: string): MailTransport {
  const url = new URL(smtpUrl)
  for (const [name, value] of Object.entries(smtpOptions)) url.searchParams.set(name, value)
  const transporter = createTransport(url.href)
  return {
    async send(mail) {
      await transporter.sendMail({ ...toMessage(mail, from), text: mail.text })
      return 'mail sent'
    },
    verify: () => transporter.verify(),
    close: () => transporter.close(),
  }
}

/**
 * Leaves the text empty, so that it can be appended unencoded. Nodemailer would encode it in lines of at most 76
 * characters, which breaks links into pieces.
 */
const emptyText = {
  encoding: '8bit',
  alternatives: [{ content: '', contentType: 'text/plain; charset=utf-8' }],
}

function openFolder(folder: string, from: string): MailTransport {
  const transporter = createTransport({ streamTransport: true, buffer: true })
  return {
    async send(mail) {
      const { message } = await transporter.sendMail({ ...toMessage(mail, from), ...emptyText })
      const file = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID()}.eml`)
      await makeDirectory(folder, 0o700)
      await writeFile(file, `${message}${mail.text.replaceAll('\n', '\r\n')}`, { mode: 0o600 })
      return `mail written to ${file} because SMTP_URL is not set`
    },
    async verify() {
      // Creating the directory is the only way to find out whether it can be created.
      for (const directory of (await makeDirectory(folder, 0o700)).reverse()) await rmdir(directory)
    },
    close: () => transporter.close(),
  }
}

/**
 * Returns Nodemailer's form of an e-mail without its text. The address is an object, so that it is not parsed as a list
 * of addresses.
 */
function toMessage({ to, subject }: Mail, from: string) {
  return {
    from,
    to: { name: '', address: to },
    subject,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

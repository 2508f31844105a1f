import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import type { Config } from '../config/index.js'
import type { Mail } from './index.js'

/** Where mails go. */
export interface MailTransport {
  /** What to log of the mail that was sent. */
  send(mail: Mail): Promise<string>
  /** Whether it would take mails. */
  verify(): Promise<unknown>
  close(): void
}

/** For SMTP: few connections that are kept, and no step of the conversation that may take longer (milliseconds). */
const smtpOptions = {
  pool: 'true',
  maxConnections: '2',
  connectionTimeout: '5000',
  greetingTimeout: '5000',
  socketTimeout: '5000',
  dnsTimeout: '5000',
}

/** Mails go to the server of SMTP_URL or, without one, into files, for trials. */
export function openTransport({ smtpUrl, mailFrom, dataDirectory }: Config): MailTransport {
  return smtpUrl ? openSmtp(smtpUrl, mailFrom) : openFolder(join(dataDirectory, 'mail'), mailFrom)
}

function openSmtp(smtpUrl: string, from: string): MailTransport {
  const url = new URL(smtpUrl)
  for (const [name, value] of Object.entries(smtpOptions)) url.searchParams.set(name, value)
  const transporter = createTransport(url.href)
  return {
    async send(mail) {
      await transporter.sendMail(toMessage(mail, from))
      return 'mail sent'
    },
    verify: () => transporter.verify(),
    close: () => transporter.close(),
  }
}

function openFolder(folder: string, from: string): MailTransport {
  const transporter = createTransport({ streamTransport: true, buffer: true })
  return {
    async send(mail) {
      const { message } = await transporter.sendMail(toMessage(mail, from))
      const file = join(folder, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID()}.eml`)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(file, message as Buffer, { mode: 0o600 })
      return `mail written to ${file}, as there is no SMTP_URL`
    },
    verify: () => mkdir(folder, { recursive: true, mode: 0o700 }),
    close: () => transporter.close(),
  }
}

/** The address is an object, so that nothing in it is taken for a list of addresses. */
function toMessage({ to, subject, text }: Mail, from: string) {
  return {
    from,
    to: { name: '', address: to },
    subject,
    text,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

import type { AddressInfo } from 'node:net'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import type { Test } from 'tap'
import { until } from './wait.js'

/** A received mail. */
export interface ReceivedMail {
  to: string
  subject: string
  text: string
}

/** A mail server that stores the mails it receives. */
export interface MailServer {
  url: string
  mails: ReceivedMail[]
  /** Resolves with the mail of a subject to an address when it has arrived. */
  mailTo(address: string, subject: string): Promise<ReceivedMail>
}

/** Parses a mail in the format in which it is sent. */
export async function parseMail(message: Buffer): Promise<ReceivedMail> {
  const { to, subject = '', text = '' } = await PostalMime.parse(message)
  return { to: String(to?.[0]?.address), subject, text }
}

/** Returns the fragment of the link in a mail. */
export function tokenIn({ text }: ReceivedMail): string {
  return String(/#(\S+)/.exec(text)?.[1])
}

/** Starts a mail server on a free port. It ends with the test. */
export async function startMailServer(t: Test): Promise<MailServer> {
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () =>
        parseMail(Buffer.concat(chunks)).then((mail) => mails.push(mail) && done(), done),
      )
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    async mailTo(address, subject) {
      const isIt = (mail: ReceivedMail) => mail.to === address && mail.subject === subject
      await until(() => mails.some(isIt))
      return mails.find(isIt) as ReceivedMail
    },
  }
}

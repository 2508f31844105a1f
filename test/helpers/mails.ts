import type { FastifyInstance } from 'fastify'
import type { Mail } from '../../src/email/message.js'

/** Collects the mails of the service in a list instead of sending them. */
export function collectMails(app: FastifyInstance): Mail[] {
  const mails: Mail[] = []
  app.sendMail = (mail) => mails.push(mail)
  return mails
}

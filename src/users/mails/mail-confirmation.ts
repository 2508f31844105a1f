import type { FastifyInstance } from 'fastify'
import { createConfirmationMails } from './link-mails.js'

/** Mails the link that confirms the address of a new user. @param issuer origin of the link */
export async function mailConfirmation(app: FastifyInstance, userId: string, issuer: string): Promise<void> {
  const context = { issuer, macKey: await app.readMacKey() }
  const mails = await app.database.$transaction((transaction) =>
    createConfirmationMails(userId, context, transaction),
  )
  for (const mail of mails) app.sendMail(mail)
}

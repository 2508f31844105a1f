import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/index.js'
import { ServiceError } from '../errors.js'
import { retryableOnce } from '../lifecycle/once.js'
import type { MailTransport } from './transport.js'

/** A mail to one person. */
export interface Mail {
  to: string
  subject: string
  text: string
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends a mail in the background. One that cannot be sent is logged, without its text. */
    sendMail(mail: Mail): void
    /** Refuses a request that is useless without mail. @throws ServiceError `mail_disabled` where none is sent */
    requireMail(): void
  }
}

/** Maximum number of mails that wait; further ones are dropped, and the log says so. */
const maxWaiting = 1_000

/** Registers `app.sendMail`. Closing the service waits for the mails that are under way. */
export function registerMail(app: FastifyInstance, config: Config): void {
  let transport: MailTransport | undefined
  /** What it takes to send mails is loaded with the first one. */
  const getOrOpenTransport = retryableOnce(async () => {
    const { openTransport } = await import('./transport.js')
    transport = openTransport(config)
    return transport
  })
  const underWay = new Set<Promise<void>>()

  async function deliver(mail: Mail): Promise<void> {
    // Whether there is a mail to send must not show in how long the answer takes.
    await setImmediate()
    try {
      const { send } = await getOrOpenTransport()
      app.log.info(await send(mail))
    } catch (error) {
      app.log.error({ reason: (error as { code?: string }).code }, 'a mail could not be sent')
    }
  }

  app.decorate('requireMail', function requireMail() {
    if (config.mail === 'off') throw new ServiceError('mail_disabled')
  })
  app.decorate('sendMail', function sendMail(mail: Mail) {
    if (config.mail === 'off') return app.log.info('a mail was not sent, as there is no SMTP_URL')
    if (underWay.size >= maxWaiting) return app.log.error('a mail was dropped, too many are waiting')
    const delivery = deliver(mail).finally(() => underWay.delete(delivery))
    underWay.add(delivery)
  })
  app.addHook('onClose', async function finishMail() {
    await Promise.all(underWay)
    transport?.close()
  })
}

import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Config } from '../config/index.js'
import { ServiceError } from '../errors.js'
import { retryableOnce } from '../lifecycle/once.js'
import { traced } from '../tracing/span.js'
import type { Mail } from './message.js'
import type { MailTransport, TransportSettings } from './transport.js'
import { announce } from './unsent.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sends an e-mail in the background. If that fails, an error without the text of the e-mail is logged. */
    sendMail(mail: Mail): void
    /** Rejects a request that is useless without mail. @throws ServiceError `mail_disabled` if mail is off */
    requireMail(): void
  }
}

/** Settings of the mail plugin. */
type EmailSettings = TransportSettings &
  Pick<Config, 'mail'> & {
    /** Shows a text to the developer, outside of the log. */
    print(text: string): void
  }

/** Maximum number of e-mails that wait to be sent; further ones are dropped and logged. */
const maxWaiting = 1_000

/** Registers `app.sendMail` and `app.requireMail`. Closing the service waits for the e-mails that are being sent. */
export const emailPlugin = plugin(registerEmail, { name: 'email', dependencies: ['metrics'] })

async function registerEmail(app: FastifyInstance, settings: EmailSettings): Promise<void> {
  const { mail: mode } = settings
  let transport: MailTransport | undefined
  // Nodemailer is loaded with the first e-mail.
  const getOrOpenTransport = retryableOnce(async () => {
    const { openTransport } = await import('./transport.js')
    transport = openTransport(settings)
    return transport
  })
  const { metrics } = app
  const deliveries = new Set<Promise<void>>()
  metrics.mailsWaiting.observe({}, () => deliveries.size)

  async function sendAfterResponse(mail: Mail): Promise<void> {
    // Lets the response go first, so that its time does not reveal whether there was an e-mail to send.
    await setImmediate()
    const { send } = await getOrOpenTransport()
    app.log.info(await send(mail))
    if (mode === 'files') settings.print(announce(mail))
  }

  async function deliver(mail: Mail): Promise<void> {
    try {
      await traced(
        () => ({ name: 'send mail', kind: 'client' }),
        () => sendAfterResponse(mail),
      )
      metrics.mails.add({ outcome: 'sent' })
    } catch (error) {
      metrics.mails.add({ outcome: 'failed' })
      app.log.error({ reason: (error as { code?: string }).code }, 'an e-mail could not be sent')
    }
  }

  app.decorate('requireMail', function requireMail() {
    if (mode === 'off') throw new ServiceError('mail_disabled')
  })
  app.decorate('sendMail', function sendMail(mail: Mail) {
    if (mode === 'off') {
      metrics.mails.add({ outcome: 'off' })
      return app.log.info('an e-mail was not sent because SMTP_URL is not set')
    }
    if (deliveries.size >= maxWaiting) {
      metrics.mails.add({ outcome: 'dropped' })
      return app.log.error('an e-mail was dropped because too many are waiting')
    }
    const delivery = deliver(mail).finally(() => deliveries.delete(delivery))
    deliveries.add(delivery)
  })
  app.addHook('onClose', async function finishMail() {
    await Promise.all(deliveries)
    transport?.close()
  })
}

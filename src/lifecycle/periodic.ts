import type { FastifyInstance } from 'fastify'
import { reasonOf } from './reason.js'

/**
 * Runs a task when the service is ready, and again `intervalMs` after each run has ended. A run that fails is logged.
 * Closing the service ends the repetition, and waits for a run that is under way.
 */
export function runPeriodically(
  app: FastifyInstance,
  name: string,
  intervalMs: number,
  task: () => Promise<unknown>,
): void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let closing = false

  async function run(): Promise<void> {
    await task().catch((error: Error) => app.log.warn({ reason: reasonOf(error) }, `${name} failed`))
    if (!closing) timer = setTimeout(start, intervalMs).unref()
  }

  function start(): void {
    running = run()
  }

  app.addHook('onReady', async () => start())
  app.addHook('onClose', async function stopRunning() {
    closing = true
    clearTimeout(timer)
    await running
  })
}

import type { FastifyInstance } from 'fastify'
import { reasonOf } from './reason.js'

/**
 * Runs a task when the service is ready, and again `intervalMs` after each run has ended. A run that fails is logged.
 * Closing the service ends the repetition, and waits for a run that is under way.
 *
 * @returns a function that runs the task at once or, during a run, again after it
 */
export function runPeriodically(
  app: FastifyInstance,
  name: string,
  intervalMs: number,
  task: () => Promise<unknown>,
): () => void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isRunning = false
  let isWoken = false
  let closing = false

  async function run(): Promise<void> {
    isRunning = true
    isWoken = false
    await task().catch((error: Error) => app.log.warn({ reason: reasonOf(error) }, `${name} failed`))
    isRunning = false
    if (!closing) timer = setTimeout(start, isWoken ? 0 : intervalMs).unref()
  }

  function start(): void {
    running = run()
  }

  function wake(): void {
    isWoken = true
    if (closing || isRunning || !timer) return
    clearTimeout(timer)
    timer = setTimeout(start, 0).unref()
  }

  app.addHook('onReady', async () => start())
  app.addHook('onClose', async function stopRunning() {
    closing = true
    clearTimeout(timer)
    await running
  })
  return wake
}

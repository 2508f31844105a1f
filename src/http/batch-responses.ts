import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

/**
 * Sends the answers to all requests that came in one turn of the event loop one right after the other, at its end. Their
 * reader, a proxy or a client on the same machine, is woken once instead of once for each, which costs more than to
 * compute an answer that is in memory.
 */
export const batchedResponses = plugin(batchResponses, {
  name: 'batched-responses',
  dependencies: ['await-invalidation'],
})

async function batchResponses(app: FastifyInstance): Promise<void> {
  let waiting: (() => void)[] = []

  function answerAll(): void {
    const answers = waiting
    waiting = []
    for (const answer of answers) answer()
  }

  app.addHook('onSend', function waitForTheOthers(_request, _reply, payload, done) {
    if (waiting.length === 0) setImmediate(answerAll)
    waiting.push(() => done(null, payload))
  })
}

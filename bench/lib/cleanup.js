/** What has been started, to be ended in reverse order. @type {(() => unknown)[]} */
const started = []
/** @type {Promise<void> | undefined} */
let ending

/**
 * Has something ended when the run ends, whatever ends it.
 *
 * @param {() => unknown} end
 */
export function atEnd(end) {
  started.push(end)
}

/** Ends all that has been started. Whoever calls it again waits for the first call. */
export function endAll() {
  ending ??= endEach()
  return ending
}

/** Whether all is being ended, so that nothing should be begun. */
export function isEnding() {
  return ending !== undefined
}

/** Ends all that has been started, and then the process, on Ctrl-C and on SIGTERM. */
export function endOnSignals() {
  for (const [signal, status] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]))
    process.once(signal, () => endAll().finally(() => process.exit(status)))
}

async function endEach() {
  for (let end = started.pop(); end; end = started.pop()) await end()
}

/** Functions that end what was started, called in reverse order. @type {(() => unknown)[]} */
const started = []
/** @type {Promise<void> | undefined} */
let ending

/**
 * Registers a function that is called when the run ends, for any reason.
 *
 * @param {() => unknown} end
 */
export function atEnd(end) {
  started.push(end)
}

/** Ends everything that was started. Later calls wait for the first one. */
export function endAll() {
  ending ??= endEach()
  return ending
}

/** Returns whether the run is ending, so that nothing new should start. */
export function isEnding() {
  return ending !== undefined
}

/** Ends everything that was started, then the process, on SIGINT and SIGTERM. */
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

import { until } from '../helpers/wait.js'

/** Longest time that a cluster may take for anything, on a machine that other work keeps busy (milliseconds). */
const limitMs = 180_000

/**
 * Polls until the condition holds, which `what` names.
 *
 * @param describe returns what the programs say. It is printed if the condition does not hold in time
 * @throws Error if it does not
 */
export async function untilOrExplain(
  what: string,
  condition: () => Promise<boolean> | boolean,
  describe: () => Promise<string>,
): Promise<void> {
  const deadline = performance.now() + limitMs
  await until(async () => {
    if (await condition()) return true
    if (performance.now() < deadline) return false
    console.error(await describe())
    throw new Error(`${what}: not within ${limitMs / 1_000} s`)
  })
}

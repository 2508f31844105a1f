import { setTimeout as delay } from 'node:timers/promises'

/** First and longest pause between two polls (milliseconds). Frequent polls during a long wait would keep a processor busy. */
const pauseMs = { first: 10, longest: 80 }

/** Polls until the condition holds, ever less often. The timeout of the test is the limit. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let ms = pauseMs.first; !(await condition()); ms = Math.min(2 * ms, pauseMs.longest)) await delay(ms)
}

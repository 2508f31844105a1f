/** Runs a task as soon as fewer than the maximum are running, in the order of the calls. */
export type RunBounded = <T>(task: () => Promise<T>) => Promise<T>

/** Creates a function that runs at most `maximum` tasks at once. A task that fails makes room for the next like any other. */
export function boundConcurrency(maximum: number): RunBounded {
  const waiting: (() => void)[] = []
  let running = 0

  async function enter(): Promise<void> {
    if (running < maximum) running += 1
    else await new Promise<void>((proceed) => waiting.push(proceed))
  }

  /** Gives the place to the next task. */
  function leave(): void {
    const proceed = waiting.shift()
    if (proceed) proceed()
    else running -= 1
  }

  return async function runBounded(task) {
    await enter()
    return task().finally(leave)
  }
}

/** A queue in which callers take turns, so that many tasks of one do not delay those of the others. */
export interface FairQueue<Task> {
  add(caller: string, task: Task): void
  /** Takes the first task of the caller whose turn it is; undefined if there is none. */
  take(): Task | undefined
  /** Takes the last task of the caller with the most tasks; among several, of the one whose turn is last. */
  takeLastOfLongest(): Task | undefined
  size(): number
  clear(): void
}

export function createFairQueue<Task>(): FairQueue<Task> {
  /** Tasks by caller, in the order of the callers' turns. */
  const queues = new Map<string, Task[]>()
  let size = 0

  return {
    add(caller, task) {
      const tasks = queues.get(caller)
      if (tasks) tasks.push(task)
      else queues.set(caller, [task])
      size += 1
    },
    take() {
      const [turn] = queues
      if (!turn) return undefined
      const [caller, tasks] = turn
      queues.delete(caller)
      const task = tasks.shift()
      if (tasks.length > 0) queues.set(caller, tasks)
      size -= 1
      return task
    },
    takeLastOfLongest() {
      const [caller, tasks] = [...queues].reduce((longest, queue) =>
        queue[1].length < longest[1].length ? longest : queue,
      )
      const task = tasks.pop()
      if (tasks.length === 0) queues.delete(caller)
      size -= 1
      return task
    },
    size: () => size,
    clear() {
      queues.clear()
      size = 0
    },
  }
}

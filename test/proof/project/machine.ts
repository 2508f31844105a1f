import { monitorEventLoopDelay } from 'node:perf_hooks'

const readClock = Date.now
let offsetMs = 0
Date.now = () => readClock() + offsetMs

const delays = monitorEventLoopDelay()
delays.enable()

/** Sets the clock of this process to another time than that of the machine. */
export function jumpTo(ms: number): void {
  offsetMs = ms
}

/** Returns the time of the machine (milliseconds since 1970), whatever the clock of this process says. */
export function machineTime(): number {
  return performance.timeOrigin + performance.now()
}

/** Returns the longest time that this process has been late (milliseconds). */
export function longestDelayMs(): number {
  return delays.max / 1e6
}

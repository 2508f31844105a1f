import { counter, gauge, info } from '../definition.js'

const seconds = { unit: 'seconds' } as const
const bytes = { unit: 'bytes' } as const

export const processMetrics = {
  build: info('latchkey_build', 'Version of Latchkey and of Node.js.', {
    version: 'the version of Latchkey',
    node_version: 'the version of Node.js',
  }),
  cpu: counter('process_cpu_seconds', 'Processor time of the process, in user and system mode.', seconds),
  startTime: gauge('process_start_time_seconds', 'Start of the process (seconds since 1970).', seconds),
  residentMemory: gauge('process_resident_memory_bytes', 'Resident memory of the process.', bytes),
  openFiles: gauge('process_open_fds', 'Open file descriptors of the process. Linux only.'),
  maxFiles: gauge('process_max_fds', 'Maximum number of open file descriptors. Linux only.'),
  heapUsed: gauge('v8js_memory_heap_used_bytes', 'Memory of the JavaScript heap in use.', bytes),
  heapLimit: gauge('v8js_memory_heap_limit_bytes', 'Maximum size of the JavaScript heap.', bytes),
  eventLoopMean: gauge(
    'nodejs_eventloop_delay_mean_seconds',
    'Mean delay of the event loop since the last scrape.',
    seconds,
  ),
  eventLoopP50: gauge(
    'nodejs_eventloop_delay_p50_seconds',
    'Median delay of the event loop since the last scrape.',
    seconds,
  ),
  eventLoopP99: gauge(
    'nodejs_eventloop_delay_p99_seconds',
    '99th percentile of the delay of the event loop since the last scrape.',
    seconds,
  ),
  eventLoopMax: gauge(
    'nodejs_eventloop_delay_max_seconds',
    'Maximum delay of the event loop since the last scrape.',
    seconds,
  ),
  eventLoopTime: counter('nodejs_eventloop_time_seconds', 'Time of the event loop, by whether it was busy.', {
    labels: { nodejs_eventloop_state: ['active', 'idle'] },
    ...seconds,
  }),
}

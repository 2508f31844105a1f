import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { rate, select, sum } from './query.js'

const instance = '{{instance}}'

export const processes = {
  title: 'Processes',
  panels: plots(
    timeSeries({
      title: 'Processor time',
      description: 'Processor time of each process in each second. Above one, hashing uses several cores.',
      unit: 's',
      queries: { [instance]: rate('process_cpu_seconds_total', ['instance']) },
    }),
    timeSeries({
      title: 'Delay of the event loop',
      description: '99th percentile of the delay since the last scrape. Everything waits for that long.',
      unit: 's',
      queries: { [instance]: select('nodejs_eventloop_delay_p99_seconds') },
      thresholds: { green: null, red: 0.1 },
    }),
    timeSeries({
      title: 'Use of the event loop',
      description: 'Share of the time in which the event loop was busy.',
      unit: 'percentunit',
      max: 1,
      queries: {
        [instance]: rate(
          'nodejs_eventloop_time_seconds_total',
          ['instance'],
          'nodejs_eventloop_state="active"',
        ),
      },
      thresholds: { green: null, red: 0.8 },
    }),
    timeSeries({
      title: 'Memory',
      description: 'Resident memory, and the JavaScript heap in use.',
      unit: 'bytes',
      queries: {
        '{{instance}} resident': select('process_resident_memory_bytes'),
        '{{instance}} heap': select('v8js_memory_heap_used_bytes'),
      },
    }),
    timeSeries({
      title: 'Heap',
      description: 'Share of the maximum size of the JavaScript heap that is in use.',
      unit: 'percentunit',
      max: 1,
      queries: {
        [instance]: `${select('v8js_memory_heap_used_bytes')} / ${select('v8js_memory_heap_limit_bytes')}`,
      },
      thresholds: { green: null, red: 0.9 },
    }),
    timeSeries({
      title: 'File descriptors',
      description: 'Share of the file descriptors that a process may have which are open. Linux only.',
      unit: 'percentunit',
      max: 1,
      queries: { [instance]: `${select('process_open_fds')} / ${select('process_max_fds')}` },
      thresholds: { green: null, red: 0.8 },
    }),
    timeSeries({
      title: 'Uptime',
      description: 'Time since the start of each process.',
      unit: 's',
      queries: { [instance]: `time() - ${select('process_start_time_seconds')}` },
    }),
    timeSeries({
      title: 'Periodic tasks',
      description:
        'Runs of the periodic tasks that failed, in each minute, and processes that are shutting down.',
      unit: 'none',
      queries: {
        '{{task}}': `60 * ${rate('latchkey_task_runs_total', ['task'], 'outcome="failed"')}`,
        'shutting down': sum('latchkey_draining'),
      },
    }),
    timeSeries({
      title: 'Time since the last success of periodic tasks',
      description: 'By task, in the process where it is longest.',
      unit: 's',
      queries: {
        '{{task}}': `max by (task) (time() - ${select('latchkey_task_last_success_timestamp_seconds')})`,
      },
    }),
    timeSeries({
      title: 'Work after responses',
      description: 'Tasks that run after a response, by outcome, and those that wait.',
      unit: 'none',
      queries: {
        '{{outcome}} (a second)': rate('latchkey_background_tasks_total', ['outcome']),
        waiting: sum('latchkey_background_waiting'),
      },
    }),
  ),
}

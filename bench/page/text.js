import { describeDisturbance, describeQuietness } from '../lib/machine-load.js'

/** @typedef {import('./report.js').Report} Report */

/**
 * Returns the text of the page of a run.
 *
 * @param {Report} report
 * @param {string} file name of the file of the run
 */
export function writePage(report, file) {
  return `# Results of a run

Drawn from [${file}](${file}), which \`${commandOf(report)}\` wrote. [Benchmarks](../README.md) explains the figures.

${describeRun(report)}

## Beside the peers

![Requests per second of Latchkey in units of its peers](peers.svg)

![Requests per second of Latchkey and its peers](peer-rates.svg)

![CPU time per request of Latchkey and its peers](peer-cpu.svg)

## Goals

| goal | wanted | measured | met |
| --- | --- | --- | --- |
${report.goals.map(toGoalRow).join('\n')}

## All scenarios

![Requests per second of each scenario](rates.svg)

![Response times of each scenario](response-times.svg)

| scenario | 1/s | CPU, µs | PostgreSQL, µs | p50, ms | p99, ms | peak, MB |
| --- | --- | --- | --- | --- | --- | --- |
${Object.entries(report.scenarios).map(toScenarioRow).join('\n')}
${describeRefused(report)}
## Facts

| fact | value |
| --- | --- |
${Object.entries(report.facts)
  .map(([fact, value]) => `| ${fact} | ${round(value)} |`)
  .join('\n')}
`
}

/** @param {Report} report */
function describeRun({ date, commit, machine, load, rounds, seconds, processes }) {
  const disturbance = describeDisturbance(load.before, load.during)
  const parts = Object.entries(machine).map(([what, value]) => `${what}: ${value}`)
  const verdict = describeQuietness(disturbance)
  return [
    `${date.slice(0, 10)}, commit ${commit}. ${rounds} rounds of ${seconds} s, ${processes} processes of Latchkey and of each peer.`,
    `${parts.join('; ')}.`,
    disturbance === undefined ? verdict : `**${verdict}**`,
    ...Object.entries(load).map(([when, each]) => describeLoad(when, each)),
  ]
    .map((line) => `- ${line}`)
    .join('\n')
}

/**
 * @param {string} when
 * @param {import('../lib/machine-load.js').MachineLoad} load
 */
function describeLoad(when, { others, steal, idle, queue }) {
  const tasks = `${queue.toFixed(1)} tasks were running or waiting`
  return `Load ${when}: others used ${percent(others)} of the machine, ${percent(steal)} was withheld, ${percent(idle)} idle; ${tasks}.`
}

/** Returns the command of the run, without what it was compared with at a URL. @param {Report} report */
function commandOf({ only, rounds, seconds, processes }) {
  const selection = only === undefined ? '' : ` --only ${only.join(',')}`
  return `npm run bench -- --page --rounds ${rounds} --seconds ${seconds} --processes ${processes}${selection}`
}

/** Says how many logins were refused in all rounds, if any were. @param {Report} report */
function describeRefused({ scenarios }) {
  const parts = Object.entries(scenarios).flatMap(([name, { refused }]) =>
    refused ? [`${refused} during \`${name}\``] : [],
  )
  return parts.length > 0 ? `\nLogins refused by 503 during reads: ${parts.join(', ')}.\n` : ''
}

/** @param {[string, import('./report.js').Scenario]} entry */
function toScenarioRow([name, { rate, cpu, databaseCpu, p50, p99, memory }]) {
  const cells = [`\`${name}\``, ...[rate, cpu, databaseCpu, p50, p99, memory].map(round)]
  return `| ${cells.join(' | ')} |`
}

/** @param {import('../lib/goals.js').Outcome} outcome */
function toGoalRow({ what, goal, measured, met, because }) {
  const words = { true: 'yes', false: '**no**', 'not judged': `not judged: ${because}` }
  return `| ${what} | ${goal} | ${measured} | ${words[`${met}`]} |`
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed()}%`
}

/** Rounds to three digits, and whole numbers above. @param {number | undefined} value */
function round(value) {
  if (value === undefined) return ''
  return value < 100 ? Number(value.toPrecision(3)) : Math.round(value).toLocaleString('en')
}

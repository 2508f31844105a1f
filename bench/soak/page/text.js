import { describeDisturbance, describeQuietness } from '../../lib/machine-load.js'
import { median } from '../../lib/rounds.js'

/** @typedef {import('../report.js').Report} Report */

/**
 * Returns the text of the page of a run.
 *
 * @param {Report} report
 * @param {string} file name of the file of the run
 */
export function writePage(report, file) {
  const isPassed = report.requirements.every(({ met }) => met)
  return `# Results of a soak

Drawn from [${file}](${file}), which \`SOAK_MINUTES=${report.minutes} npm run bench:soak\` wrote. [Benchmarks](../README.md#the-soak) explains it.
${isPassed ? 'All requirements were met.' : '**Not all requirements were met.**'}

${describeRun(report)}

## Requirements

| what | wanted | measured | met |
| --- | --- | --- | --- |
${report.requirements.map(({ what, wanted, measured, met }) => `| ${what} | ${wanted} | ${measured} | ${met ? 'yes' : '**no**'} |`).join('\n')}

## Over time

Grey: a rolling restart. Lines: keys rotated, PostgreSQL restarted.

![Responses per second, by outcome](soak-requests.svg)

\`ok\` is 2xx. \`refused\` is 401 for a token of an ended login. \`unavailable\` is 503 with \`Retry-After\` while PostgreSQL restarts. \`cut off\` is a
request without a response that the client repeats. Everything else is \`unexplained\`.

![Response times](soak-response-times.svg)

Response times count from the moment at which a request was due.

![Memory of each replica](soak-memory.svg)

## Responses

| request | responses, by status and code of the error |
| --- | --- |
${Object.entries(report.responses.responses).map(toKindRow).join('\n')}
${describeUnexplained(report)}
## What happened

| from, s | to, s | what |
| --- | --- | --- |
${report.incidents.map(({ what, from, to }) => `| ${from} | ${to} | ${what} |`).join('\n')}

## Warnings and errors in the logs

| lines | message |
| --- | --- |
${Object.entries(report.warnings)
  .map(([message, count]) => `| ${count} | ${message.replaceAll('|', '\\|')} |`)
  .join('\n')}
`
}

/** @param {Report} report */
function describeRun(report) {
  const { date, commit, machine, machineLoad, capacity, load, counts, messages, traces, repetitions, ends } =
    report
  const disturbance = describeDisturbance(machineLoad.before, machineLoad.during)
  const verdict = describeQuietness(disturbance)
  const slowest = Math.max(...ends.map(({ ms }) => ms))
  return [
    `${date.slice(0, 10)}, commit ${commit}, ${report.minutes} minutes. ${Object.entries(machine)
      .map(([what, value]) => `${what}: ${value}`)
      .join('; ')}.`,
    disturbance === undefined ? verdict : `**${verdict}**`,
    `Capacity in a closed loop: ${count(capacity)} operations a second. Load: ${count(load.rate)} a second, ${count(load.offered)} in all. ${describeShed(load)}`,
    `${count(counts.acknowledged)} items were acknowledged. ${count(repetitions.count)} requests were repeated; ${count(counts.storedUnseen)} items had been stored by a request whose response did not arrive or was 503.`,
    `${count(counts.recorded)} audit events, ${count(messages.messages)} messages received, ${count(messages.repeated)} of them again.`,
    `${count(traces.spans)} spans in ${count(traces.exports)} exports; ${report.failedScrapes} scrapes of metrics failed.`,
    describeMetrics(report),
    `${ends.length} processes were stopped; the median took ${seconds(median(ends.map(({ ms }) => ms)))}, the slowest ${seconds(slowest)}.`,
  ]
    .map((line) => `- ${line}`)
    .join('\n')
}

/** @param {Report} report */
function describeMetrics({ counts, lives }) {
  const delays = lives.flatMap(({ delay }) => delay)
  return `By the metrics: ${count(counts.requestsByMetrics)} requests until the last scrape of each process. The 99th percentile of the event loop's delay, between two scrapes, was ${median(delays)} ms (median) and ${Math.max(...delays)} ms at worst.`
}

/** @param {import('../load.js').Outcome} load */
function describeShed({ shed, offered, mostUnderWay, latestMs }) {
  const what =
    shed === 0 ? 'None was shed' : `**${count(shed)} (${((100 * shed) / offered).toFixed(1)}%) were shed**`
  return `${what}; at most ${mostUnderWay} were under way, and the latest began ${latestMs} ms late.`
}

/** @param {[string, Record<string, number>]} entry */
function toKindRow([kind, counts]) {
  const parts = Object.entries(counts).map(([status, number]) => `${status}: ${count(number)}`)
  return `| ${kind} | ${parts.join(', ')} |`
}

/** @param {Report} report */
function describeUnexplained({ responses: { unexplained } }) {
  if (unexplained.length === 0) return ''
  const lines = unexplained.map(({ at, kind, status, text }) => `${at} s: ${kind}: ${status} ${text}`)
  return `\nUnexplained:\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\`\n`
}

/** @param {number} value */
function count(value) {
  return Math.round(value).toLocaleString('en')
}

/** @param {number} [ms] */
function seconds(ms = Number.NaN) {
  return `${(ms / 1000).toFixed(1)} s`
}

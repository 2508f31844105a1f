import * as Plot from '@observablehq/plot'
import { draw } from '../../page/draw.js'
import { captionOf } from '../../page/report.js'

/** @typedef {import('../report.js').Report} Report */

/** Measures that all plots share (pixels). */
const frame = { width: 960, height: 340, marginLeft: 64, marginRight: 20, marginBottom: 66 }
const minute = 60
/** Distance of the legend from the frame, and mean width of its letters (pixels). */
const legendOffset = 52
const letterWidth = 6.2

/** Colours of the incidents. */
const incidentColours = {
  'rolling restart': '#8c959f',
  'keys rotated': '#8250df',
  'PostgreSQL restarted': '#cf222e',
}
/** Colours of responses. */
const outcomeColours = {
  ok: '#1a7f64',
  refused: '#54aeff',
  unavailable: '#bf8700',
  'cut off': '#bc4c00',
  unexplained: '#cf222e',
}
const percentileColours = { p50: '#1a7f64', p95: '#54aeff', p99: '#bf8700' }
const replicaColours = { 1: '#1a7f64', 2: '#54aeff', 3: '#bf8700' }

/** Draws the responses per second, by what they mean to the client. @param {Report} report */
export function drawRequests(report) {
  const { bucketSeconds, perSecond } = report.responses
  // The last bucket is not a whole one.
  const rows = toRows(perSecond, bucketSeconds).filter(({ minutes }) => minutes < report.minutes)
  return drawOverTime(report, 'responses per second', outcomeColours, [
    Plot.areaY(
      rows,
      Plot.stackY({
        x: 'minutes',
        y: 'value',
        fill: 'name',
        order: Object.keys(outcomeColours),
        curve: 'step',
      }),
    ),
    Plot.ruleY([0]),
  ])
}

/** Draws percentiles of the response times. @param {Report} report */
export function drawResponseTimes(report) {
  const { bucketSeconds, milliseconds } = report.responses
  const rows = toRows(milliseconds, bucketSeconds).filter(({ value }) => value > 0)
  const marks = [Plot.lineY(rows, { x: 'minutes', y: 'value', stroke: 'name' })]
  return drawOverTime(report, 'response time, ms', percentileColours, marks, {
    type: 'log',
    tickFormat: String,
    ticks: 5,
  })
}

/** Draws the memory of each process, and the heap of the steady one after collections of garbage. @param {Report} report */
export function drawMemory(report) {
  const rows = report.lives.flatMap(({ replica, generation, seconds, rss }) =>
    seconds.map((at, index) => ({
      minutes: at / minute,
      value: rss[index],
      name: replica,
      life: `${replica}-${generation}`,
    })),
  )
  const heaps = report.lives.flatMap(({ collected: { seconds, heap } }) =>
    seconds.map((at, index) => ({ minutes: at / minute, value: heap[index] })),
  )
  return drawOverTime(
    report,
    'resident memory of each replica, and heap of 1 after garbage collection (dots), MB',
    replicaColours,
    [
      Plot.lineY(rows, { x: 'minutes', y: 'value', z: 'life', stroke: 'name' }),
      Plot.dot(heaps, { x: 'minutes', y: 'value', r: 2, fill: replicaColours[1] }),
      Plot.ruleY([0]),
    ],
  )
}

/**
 * @param {Report} report
 * @param {string} label what is drawn
 * @param {Record<string, string>} colours by name, for the legend
 * @param {Plot.Markish[]} marks
 * @param {Plot.ScaleOptions} [scale] of the vertical axis
 */
function drawOverTime(report, label, colours, marks, scale) {
  const domain = Object.keys(colours)
  return draw(label, captionOf({ ...report, load: report.machineLoad }), {
    ...frame,
    x: { label: 'minutes', domain: [0, report.minutes] },
    y: { label: null, grid: true, ...scale },
    color: { domain, range: Object.values(colours) },
    marks: [...incidentMarks(report), ...marks, ...legend(label, colours)],
  })
}

/** @param {Report} report */
function incidentMarks({ incidents }) {
  const rows = incidents.map(({ what, from, to }) => ({ what, from: from / minute, to: to / minute }))
  const restarts = rows.filter(({ what }) => what === 'rolling restart')
  const others = rows.filter(({ what }) => what !== 'rolling restart')
  const colourOf = (/** @type {Report['incidents'][number]} */ { what }) => incidentColours[what]
  return [
    Plot.rectX(restarts, {
      x1: 'from',
      x2: 'to',
      fill: incidentColours['rolling restart'],
      fillOpacity: 0.2,
    }),
    Plot.ruleX(others, { x: 'from', stroke: colourOf, strokeWidth: 1.5, strokeDasharray: '4 3' }),
    Plot.text(others, { x: 'from', text: 'what', frameAnchor: 'top', dy: -8, fill: colourOf }),
  ]
}

/**
 * Returns a line below the plot: what is drawn, and the names in their colours.
 *
 * @param {string} label
 * @param {Record<string, string>} colours
 */
function legend(label, colours) {
  const words = [
    [`${label}:`, 'currentColor'],
    ...Object.entries(colours).map(([name, colour]) => [`■ ${name}`, colour]),
  ]
  let dx = 0
  return words.map(([text = '', fill = '']) => {
    const mark = Plot.text([text], {
      text: (each) => each,
      frameAnchor: 'bottom-left',
      textAnchor: 'start',
      dx,
      dy: legendOffset,
      fill,
    })
    dx += (text.length + 2) * letterWidth
    return mark
  })
}

/**
 * @param {Record<string, number[]>} series
 * @param {number} bucketSeconds
 */
function toRows(series, bucketSeconds) {
  return Object.entries(series).flatMap(([name, values]) =>
    values.map((value, index) => ({ name, value, minutes: (index * bucketSeconds) / minute })),
  )
}

import * as Plot from '@observablehq/plot'
import { draw } from './draw.js'
import { captionOf, comparisonsOf } from './report.js'

/** @typedef {import('./report.js').Report} Report */

const ownColour = '#1a7f64'
const otherColour = '#8c959f'
/** Height of a row (pixels). */
const rowHeight = 24
/** Height of the axes (pixels). */
const axesHeight = 90
/** Distance of a label from its axis (pixels). */
const labelOffset = 42
/** What the two kinds of figures beside a bar are. */
const peersLabel =
  'requests per second (the peer = 1); × is the median of the rounds’ ratios, rates are medians'
/** Measures that all plots share (pixels). */
const margins = { width: 800, marginLeft: 340, marginRight: 110, marginBottom: 48 }

/**
 * Draws the rates of Latchkey as multiples of those of its peers, each at its fastest. This is the plot in README.md.
 *
 * @param {Report} report
 */
export function drawPeers(report) {
  const rows = comparisonsOf(report)
    .filter(({ prefix }) => prefix !== 'oidc-postgres')
    .map((row) => ({ ...row, name: `${row.request}\nagainst ${row.peer}` }))
  const furthest = Math.max(1, ...rows.map(({ ratio }) => ratio))
  return draw('Requests per second of Latchkey as a multiple of its peers', captionOf(report), {
    ...margins,
    height: axesHeight + rows.length * 2 * rowHeight,
    x: { label: peersLabel, domain: [0, furthest], labelOffset },
    y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0 },
    marks: [
      Plot.barX(rows, { x: 'ratio', y: 'name', fill: ownColour, insetTop: 8, insetBottom: 8 }),
      Plot.text(rows, {
        x: 'ratio',
        y: 'name',
        text: ({ ratio, own, other }) => `${ratio.toFixed(1)}×\n${count(own.rate)} : ${count(other.rate)}`,
        dx: 8,
        textAnchor: 'start',
      }),
      Plot.ruleX([1], { stroke: otherColour, strokeDasharray: '4 3' }),
      Plot.ruleX([0]),
    ],
  })
}

/**
 * Draws a figure of Latchkey beside the same figure of its peers.
 *
 * @param {Report} report
 * @param {'rate' | 'cpu'} figure
 * @param {string} label
 */
export function drawSideBySide(report, figure, label) {
  const rows = unique(
    comparisonsOf(report).flatMap(({ request, peer, own, other }) => [
      { name: `${request}: Latchkey`, value: own[figure], fill: ownColour },
      { name: `${request}: ${peer}`, value: other[figure], fill: otherColour },
    ]),
  )
  return drawBars(report, label, rows, [
    Plot.barX(rows, { x: 'value', y: 'name', fill: 'fill', insetTop: 2, insetBottom: 2 }),
    Plot.text(rows, { x: 'value', y: 'name', text: ({ value }) => count(value), dx: 6, textAnchor: 'start' }),
    Plot.ruleX([0]),
  ])
}

/**
 * Draws the rates of all scenarios of Latchkey: the median as a bar, each round as a dot.
 *
 * @param {Report} report
 */
export function drawRates(report) {
  const rows = ownScenarios(report)
  const rounds = rows.flatMap(({ name, rates }) => rates.map((rate) => ({ name, rate })))
  return drawBars(report, 'requests per second: the median, and each round', rows, [
    Plot.barX(rows, { x: 'rate', y: 'name', fill: ownColour, fillOpacity: 0.6, insetTop: 2, insetBottom: 2 }),
    Plot.dot(rounds, { x: 'rate', y: 'name', r: 2.5, fill: 'currentColor' }),
    Plot.ruleX([0]),
  ])
}

/**
 * Draws the response times of all scenarios of Latchkey.
 *
 * @param {Report} report
 */
export function drawResponseTimes(report) {
  const rows = ownScenarios(report).filter(({ p50, p99 }) => p50 !== undefined && p99 !== undefined)
  const label = 'milliseconds, from the median to the 99th percentile'
  const marks = [
    Plot.ruleY(rows, { x1: 'p50', x2: 'p99', y: 'name', stroke: ownColour, strokeWidth: 4 }),
    Plot.dot(rows, { x: 'p50', y: 'name', fill: ownColour, r: 4 }),
    Plot.dot(rows, { x: 'p99', y: 'name', fill: 'white', stroke: ownColour, r: 4 }),
  ]
  return drawBars(report, label, rows, marks, { type: 'log', tickFormat: String, ticks: 5 })
}

/**
 * Draws one row for each name.
 *
 * @param {Report} report
 * @param {string} label what the rows show
 * @param {{ name: string }[]} rows
 * @param {Plot.Markish[]} marks
 * @param {Plot.ScaleOptions} [scale] of the figures
 */
function drawBars(report, label, rows, marks, scale) {
  return draw(label, captionOf(report), {
    ...margins,
    height: axesHeight + rows.length * rowHeight,
    x: { label, grid: true, labelOffset, ...scale },
    y: { label: null, domain: rows.map(({ name }) => name), tickSize: 0 },
    marks,
  })
}

/** Returns the scenarios without a peer. @param {Report} report */
function ownScenarios({ scenarios }) {
  return Object.entries(scenarios)
    .filter(([name]) => !/^(latchkey|fastapi|oidc|peer)-/.test(name))
    .map(([name, scenario]) => ({ name, ...scenario }))
}

/**
 * Latchkey is compared with several peers, but drawn once.
 *
 * @template {{ name: string }} T
 * @param {T[]} rows
 */
function unique(rows) {
  return [...new Map(rows.map((row) => [row.name, row])).values()]
}

/** @param {number | undefined} value */
function count(value) {
  if (value === undefined) return ''
  return value < 10 ? value.toPrecision(2) : Math.round(value).toLocaleString('en')
}

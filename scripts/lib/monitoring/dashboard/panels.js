/**
 * A panel without its place on the dashboard.
 *
 * @typedef {{ type: string, title: string } & Record<string, unknown>} Panel
 */

/**
 * What panels of both kinds declare.
 *
 * @typedef {object} Declaration
 * @property {string} title
 * @property {string} description what the figures mean, and what is normal
 * @property {string} unit identifier of a unit of Grafana
 * @property {Record<string, string>} queries expressions by their legends
 * @property {Record<string, number | null>} [thresholds] colours, each with the value from which on it applies; null is from the lowest
 * @property {number} [max]
 * @property {boolean} [signed] whether values can be negative
 */

/** The data source that is chosen on the dashboard. */
export const datasource = { type: 'prometheus', uid: '$datasource' }

/**
 * Returns a panel that draws lines, or areas that are added up.
 *
 * @param {Declaration & { stacked?: boolean }} declaration
 * @returns {Panel}
 */
export function timeSeries({ stacked = false, ...declaration }) {
  return {
    ...common('timeseries', declaration, { range: true }),
    fieldConfig: {
      defaults: {
        ...fieldDefaults(declaration),
        color: { mode: 'palette-classic' },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: stacked ? 40 : 10,
          showPoints: 'never',
          stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
          thresholdsStyle: { mode: declaration.thresholds ? 'dashed' : 'off' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  }
}

/**
 * Returns a panel that shows the newest values as figures.
 *
 * @param {Declaration} declaration
 * @returns {Panel}
 */
export function stat(declaration) {
  return {
    ...common('stat', declaration, { instant: true }),
    fieldConfig: {
      defaults: { ...fieldDefaults(declaration), color: { mode: 'thresholds' } },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      percentChangeColorMode: 'standard',
      showPercentChange: false,
      textMode: 'auto',
      wideLayout: true,
    },
  }
}

/**
 * @param {string} type
 * @param {Declaration} declaration
 * @param {{ range: true } | { instant: true }} mode
 */
function common(type, { title, description, queries }, mode) {
  return {
    type,
    title,
    description,
    datasource,
    targets: Object.entries(queries).map(([legendFormat, expr], i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource,
      expr,
      legendFormat,
      ...mode,
    })),
  }
}

/** @param {Declaration} declaration */
function fieldDefaults({ unit, max, signed, thresholds = { green: null } }) {
  const steps = Object.entries(thresholds).map(([color, value]) => ({ color, value }))
  return {
    unit,
    ...(!signed && { min: 0 }),
    ...(max !== undefined && { max }),
    thresholds: { mode: 'absolute', steps },
  }
}

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const { document } = parseHTML('<!doctype html><html></html>')
const background = 'white'
const ink = '#1f2328'
/** Space for the caption (pixels). */
const marginTop = 34
/** Distance of the caption from the left edge, and from the rows (pixels). */
const captionInset = 10

/**
 * Draws a plot as an SVG file that looks the same on light and on dark pages.
 *
 * @param {string} title what the plot shows, for readers who cannot see it
 * @param {string} caption
 * @param {Plot.PlotOptions & { marginLeft: number, marks: Plot.Markish[] }} options
 */
export function draw(title, caption, options) {
  const style = { background, color: ink, fontFamily: 'system-ui, sans-serif', fontSize: '12px' }
  const marks = [...options.marks, writeCaption(caption, options.marginLeft)]
  const svg = Plot.plot({
    ...options,
    marginTop,
    marks,
    document: /** @type {any} */ (document),
    ariaLabel: title,
    style,
  })
  // The styles are for plots inside an HTML page.
  svg.querySelector('style')?.remove()
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  return `${svg.outerHTML}\n`
}

/**
 * @param {string} caption
 * @param {number} marginLeft
 */
function writeCaption(caption, marginLeft) {
  return Plot.text([caption], {
    text: (text) => text,
    frameAnchor: 'top-left',
    textAnchor: 'start',
    dx: captionInset - marginLeft,
    dy: captionInset - marginTop,
    fillOpacity: 0.7,
  })
}

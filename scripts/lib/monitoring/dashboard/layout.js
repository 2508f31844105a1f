/**
 * A part of the dashboard that can be folded.
 *
 * @typedef {object} Section
 * @property {string} title
 * @property {Sized[]} panels
 */

/**
 * A panel with its size in units of the grid, which is 24 wide.
 *
 * @typedef {{ width: number, height: number, panel: import('./panels.js').Panel }} Sized
 */

/** Width of the grid. */
const gridWidth = 24

/**
 * Returns panels with figures, six in a line.
 *
 * @param {import('./panels.js').Panel[]} panels
 * @returns {Sized[]}
 */
export function figures(...panels) {
  return panels.map((panel) => ({ panel, width: 4, height: 4 }))
}

/**
 * Returns panels with plots, three in a line.
 *
 * @param {import('./panels.js').Panel[]} panels
 * @returns {Sized[]}
 */
export function plots(...panels) {
  return panels.map((panel) => ({ panel, width: 8, height: 8 }))
}

/**
 * Returns the panels of all sections from left to right and from top to bottom, each with its place and a number.
 *
 * @param {Section[]} sections
 */
export function layOut(sections) {
  let y = 0
  return sections
    .flatMap(({ title, panels }) => {
      const row = {
        type: 'row',
        title,
        collapsed: false,
        panels: [],
        gridPos: { x: 0, y, w: gridWidth, h: 1 },
      }
      y += 1
      const placed = fillLines(panels, y)
      y = placed.nextY
      return [row, ...placed.panels]
    })
    .map((panel, i) => ({ id: i + 1, ...panel }))
}

/**
 * @param {Sized[]} panels
 * @param {number} firstY
 */
function fillLines(panels, firstY) {
  let x = 0
  let y = firstY
  let lineHeight = 0
  const placed = panels.map(({ panel, width, height }) => {
    if (x + width > gridWidth) {
      x = 0
      y += lineHeight
      lineHeight = 0
    }
    const gridPos = { x, y, w: width, h: height }
    x += width
    lineHeight = Math.max(lineHeight, height)
    return { ...panel, gridPos }
  })
  return { panels: placed, nextY: y + lineHeight }
}

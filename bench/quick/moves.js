/** Change of a rate, in units of its baseline, that is named (share). */
const rateTolerance = 0.25
/** Change of the CPU time per request, in units of its baseline, that is named (share). */
const cpuTolerance = 0.15
/** Change of a number of instructions that is named (share). Two runs differ by less than a thousandth. */
const instructionTolerance = 0.02

/**
 * @typedef {import('./ratios.js').Ratio} Ratio
 *
 * @typedef {object} Move something that differs from the baseline by more than it may
 * @property {string} what
 * @property {number} was
 * @property {number} is
 * @property {string} change
 * @property {boolean} isWorse
 */

/**
 * Names the rates and CPU times that have moved.
 *
 * @param {Record<string, Ratio>} before
 * @param {Record<string, Ratio>} after
 * @returns {Move[]}
 */
export function findMoves(before, after) {
  return Object.entries(after).flatMap(([name, { rate, cpu }]) => {
    const was = before[name]
    if (!was) return []
    return [
      ...move(`${name}, rate`, was.rate, rate, rateTolerance, true),
      ...(was.cpu !== null && cpu !== null
        ? move(`${name}, CPU time per request`, was.cpu, cpu, cpuTolerance, false)
        : []),
    ]
  })
}

/**
 * Names the functions whose number of instructions has moved.
 *
 * @param {Record<string, number>} before
 * @param {Record<string, number>} after
 * @returns {Move[]}
 */
export function findInstructionMoves(before, after) {
  return Object.entries(after).flatMap(([name, count]) =>
    name in before
      ? move(`${name}, instructions`, before[name] ?? Number.NaN, count, instructionTolerance, false)
      : [],
  )
}

/**
 * @param {string} what
 * @param {number} was
 * @param {number} is
 * @param {number} tolerance
 * @param {boolean} moreIsBetter
 * @returns {Move[]} one or none
 */
function move(what, was, is, tolerance, moreIsBetter) {
  const change = is / was - 1
  // Halving a rate is as far as doubling it, so the distance is that from the smaller to the larger value.
  if (Math.max(is / was, was / is) - 1 <= tolerance) return []
  const percent = `${change > 0 ? '+' : ''}${(change * 100).toFixed()}%`
  return [{ what, was, is, change: percent, isWorse: change < 0 === moreIsBetter }]
}

/**
 * Returns a command that runs on one core only, by taskset.
 *
 * @param {number | undefined} core all cores without a number
 * @param {[string, ...string[]]} command
 * @returns {[string, ...string[]]}
 */
export function pinned(core, command) {
  return core === undefined ? command : ['taskset', '--cpu-list', String(core), ...command]
}

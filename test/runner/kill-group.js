/**
 * Kills all processes of a group.
 *
 * @param {number} id
 */
export function killGroup(id) {
  try {
    process.kill(-id, 'SIGKILL')
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error
  }
}

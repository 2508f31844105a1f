import { watch } from 'node:fs'

/** Time without a further change after which a change is complete: editors write files in several steps (milliseconds). */
const settleMs = 100

/**
 * Resolves when something has changed in one of the folders.
 *
 * @param {string[]} folders
 * @returns {Promise<string>} the last path that changed, relative to its folder
 */
export function untilChanged(folders) {
  return new Promise((resolve) => {
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const watchers = folders.map((folder) =>
      watch(folder, { recursive: true }, (_, file) => {
        if (!file || isGenerated(file)) return
        clearTimeout(timer)
        timer = setTimeout(() => {
          for (const watcher of watchers) watcher.close()
          resolve(file)
        }, settleMs)
      }),
    )
  })
}

/**
 * Returns whether the build generates a file.
 *
 * @param {string} file path relative to the watched folder
 */
function isGenerated(file) {
  return /^(database\/generated|docs\/assets)\b/.test(file)
}

import { watch } from 'node:fs'

/** Editors write a file in several steps (milliseconds). */
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
        if (!file || isMade(file)) return
        clearTimeout(timer)
        timer = setTimeout(() => {
          for (const watcher of watchers) watcher.close()
          resolve(file)
        }, settleMs)
      }),
    )
  })
}

/** @param {string} file a path of ours, or of what the build makes between the sources */
function isMade(file) {
  return /^(database\/generated|docs\/assets)\b/.test(file)
}

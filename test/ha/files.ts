import { readFileSync } from 'node:fs'

/** Returns a file of deploy/ha/ with some texts replaced, each of which must occur in it. */
export function readRecipe(file: string, replacements: Record<string, string> = {}): string {
  let text = readFileSync(`deploy/ha/${file}`, 'utf8')
  for (const [old, replacement] of Object.entries(replacements)) {
    if (!text.includes(old)) throw new Error(`deploy/ha/${file} does not contain ${old}`)
    text = text.replaceAll(old, replacement)
  }
  return text
}

/** Returns the variables of a file that systemd reads as `EnvironmentFile`. */
export function readVariables(text: string): Record<string, string> {
  const assignments = text.split('\n').filter((line) => /^[A-Z0-9_]+=/.test(line))
  return Object.fromEntries(assignments.map((line) => line.split(/=(.*)/s, 2)))
}

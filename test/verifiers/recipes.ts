import { readFileSync } from 'node:fs'

const page = readFileSync('docs/verifying-tokens.md', 'utf8')

/** Returns the first code block in a language below a heading of the page of recipes. @throws Error if there is none */
export function recipeOf(heading: string, language = '\\w+'): string {
  const [, rest = ''] = page.split(`# ${heading}\n`)
  const [section = ''] = rest.split(/^##+ /m)
  const [, code] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(section) ?? []
  if (code === undefined) throw new Error(`docs/verifying-tokens.md has no recipe "${heading}"`)
  return code
}

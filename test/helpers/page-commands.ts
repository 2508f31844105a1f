import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Stands in for the commands that a page uses, and that would reach beyond the test. */
const commands = `
npx() { shift 3; node "$ROOT/dist/src/cli/latchkey.js" "$@"; }
sql() { node -e '
  const pg = require(process.env.ROOT + "/node_modules/pg")
  const client = new pg.Client(process.env.DATABASE_URL)
  client.connect().then(() => client.query(fs.readFileSync(0, "utf8"))).finally(() => client.end())
'; }
`

/** Returns the blocks of a page that are marked for running, as one script. */
export function scriptOf(page: string): string {
  const blocks = [...page.matchAll(/^( *)```(sh|sql)\n(.*?)^ *```$/gms)]
  return blocks
    .map(([, indent = '', language, block = '']) => {
      const text = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
      return language === 'sql' ? `sql <<'END'\n${text}END\n` : `${text}echo\n`
    })
    .join('')
}

/**
 * Runs the commands of a page, and returns what they print.
 *
 * @param origins origins of services by those that the page names, such as `http://localhost:8000`
 * @param cwd folder to run them in
 */
export async function runPage(
  name: string,
  env: Record<string, string>,
  origins: Record<string, string>,
  cwd: string,
): Promise<string> {
  let script = scriptOf(readFileSync(name, 'utf8'))
  for (const [named, origin] of Object.entries(origins)) script = script.replaceAll(named, origin)
  return runScript(script, env, cwd)
}

/** Runs commands of a page, and returns what they print. */
export async function runScript(script: string, env: Record<string, string>, cwd: string): Promise<string> {
  const { stdout } = await run('bash', ['-euc', commands + script], {
    cwd,
    env: { PATH: process.env.PATH, ROOT: process.cwd(), ...env },
  })
  return stdout
}

/** Returns the blocks of a section that only tests of their own can run, as one script. @param heading with its number signs */
export function sectionOf(name: string, heading: string): string {
  const sections = readFileSync(name, 'utf8').split(/^(?=#+ )/m)
  const section = sections.find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`${name} has no section ${heading}`)
  const blocks = [...section.matchAll(/^( *)```bash\n(.*?)^ *```$/gms)]
  return blocks
    .map(([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
    .join('')
}

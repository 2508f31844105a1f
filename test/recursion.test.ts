import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const sources = 'src'

/** Functions that call themselves, and what bounds their depth. */
const bounded: Record<string, string> = {
  'http/json/merge-patch mergePatch': 'the depth of a JSON body: see http/json/scan',
  'auth/grants/password grantAuthenticated': 'the changes of a user and a client during one login',
  'items/metadata addedLength': 'the depth of a JSON body',
  'items/metadata findProblem': 'its own parameter, and the depth of a JSON body',
  'http/validators propertiesOf': 'the references of our own schemas',
  'database/errors isAccessRefused': 'the causes of an error of ours',
  'database/errors isDatabaseUnavailable': 'the causes of an error of ours',
  'database/errors isOutcomeUnknown': 'the causes of an error of ours',
  'database/stale-plan send': 'the number of connections of the pool',
  'lifecycle/background startWaiting': 'nothing: it is called again when a task has ended, on an empty stack',
}

/** Files that may parse JSON by themselves, and why. */
const parsers: Record<string, string> = {
  'http/json/parser': 'after the scan',
  'http/json/scan': 'one string at a time',
  'http/cursor': 'a text of 2,048 characters, which is not traversed',
  'http/safe-fetch/fetch-json': 'a document of 64 KiB, which is not traversed in depth',
  'users/import/sources/index': 'a line of 64 KiB, which is not traversed',
}

/** Returns the names of functions that call themselves in or below a node, with the node's file. */
function findRecursion(file: string, node: ts.Node, around: readonly string[] = []): string[] {
  const name =
    ts.isFunctionLike(node) &&
    (nameOf(node) ?? (ts.isVariableDeclaration(node.parent) ? nameOf(node.parent) : undefined))
  const names = name ? [...around, name] : around
  const called = ts.isCallExpression(node) && ts.isIdentifier(node.expression) ? node.expression.text : ''
  const found = names.includes(called) ? [`${file} ${called}`] : []
  ts.forEachChild(node, (child) => void found.push(...findRecursion(file, child, names)))
  return found
}

function nameOf({ name }: { name?: ts.Node | undefined }): string | undefined {
  return name && ts.isIdentifier(name) ? name.text : undefined
}

const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.[jt]s$/.test(file) && !/^(database\/generated|docs\/assets)\//.test(file))
  .map((file) => ({ file: file.replace(/\.\w+$/, ''), text: readFileSync(join(sources, file), 'utf8') }))

t.test('functions recurse only to a bounded depth', async (t) => {
  t.ok(files.length > 100)
  const found = files.flatMap(({ file, text }) =>
    findRecursion(file, ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true)),
  )
  t.same([...new Set(found)].sort(), Object.keys(bounded).sort())
})

t.test('JSON of callers is parsed only in these files', async (t) => {
  const given = /^(http\/|items\/|users\/|audit\/|app$|errors$)/
  const found = files.filter(
    ({ file, text }) =>
      given.test(file) && /\bJSON\.parse\(|getDefaultJsonParser|secure-json-parse/.test(text),
  )
  t.same(found.map(({ file }) => file).sort(), Object.keys(parsers).sort())
})

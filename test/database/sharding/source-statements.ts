import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { listFiles } from '#scripts/lib/files.js'

/** SQL that names the table of items. */
const namesItems = /\b(?:FROM|INTO|UPDATE|JOIN|TABLE)\s+(?:"?public"?\.)?"?items\b/i

/** A statement on items, or a part of one, in the sources. */
interface SourceStatement {
  /** File and line. */
  place: string
  /** The text, without line breaks, with an ellipsis for each value that is inserted into it. */
  text: string
  /** Pattern of the statements that it makes. */
  pattern: RegExp
}

/** Returns the SQL on items in TypeScript files. */
export function findSourceStatements(folders: string[]): SourceStatement[] {
  const texts = findNodes(folders, (node) => {
    const parts = partsOf(node)?.map(toOneLine)
    return parts && namesItems.test(parts.join(' ')) ? parts : undefined
  })
  return texts.map(([place, parts]) => ({
    place,
    text: parts.join('…').trim(),
    pattern: new RegExp(`^${parts.map(escapePattern).join('.*').trim()}$`),
  }))
}

/** Returns a text on one line. */
export function toOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** Returns the places that use Prisma's model of items, whose SQL is not in the sources. */
export function findModelUses(folders: string[]): string[] {
  return findNodes(folders, (node) =>
    ts.isPropertyAccessExpression(node) && /(database|transaction|client)\.item$/.test(node.getText())
      ? true
      : undefined,
  ).map(([place]) => place)
}

/** Returns what a function finds at the nodes of all files, with the place of each. */
function findNodes<Found>(folders: string[], find: (node: ts.Node) => Found | undefined): [string, Found][] {
  return folders.flatMap(filesBelow).flatMap((file) => {
    const content = readFileSync(file, 'utf8')
    if (!/\bitems?\b/i.test(content)) return []
    const source = ts.createSourceFile(file, content, ts.ScriptTarget.Latest, true)
    const found: [string, Found][] = []
    const nodes: ts.Node[] = [source]
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      ts.forEachChild(node, (child) => void nodes.push(child))
      const one = find(node)
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
      if (one !== undefined) found.push([`${file}:${line}`, one])
    }
    return found
  })
}

function filesBelow(folder: string): string[] {
  return listFiles(folder)
    .filter((file) => file.endsWith('.ts') && !file.includes('generated/'))
    .map((file) => join(folder, file))
}

/** Returns the constant parts of a text, between which values are inserted; undefined if the node is no text. */
function partsOf(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (!ts.isTemplateExpression(node)) return undefined
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
}

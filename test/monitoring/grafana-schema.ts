import ts from 'typescript'

/** Path of the file that is checked, which exists in memory only. */
const checkedPath = `${process.cwd()}/test/monitoring/checked-dashboard.ts`

/**
 * Returns what is wrong with a dashboard by Grafana's schema, as it is published for TypeScript in the package `@grafana/schema`.
 *
 * @param json the dashboard's text
 */
export function findSchemaErrors(json: string): string[] {
  const program = ts.createProgram([checkedPath], compilerOptions, createHost(declaration + json))
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, start }) =>
        `${findLine(json, start)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
}

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  lib: ['lib.es5.d.ts'],
  types: [],
}

/** What stands before the dashboard in the checked file. */
const declaration =
  "import type { DashboardSchema } from './dashboard-schema.js'; export const dashboard: DashboardSchema = "

function findLine(json: string, position = 0): number {
  return json.slice(0, position - declaration.length).split('\n').length
}

function createHost(checked: string): ts.CompilerHost {
  const host = ts.createCompilerHost(compilerOptions)
  const { readFile, fileExists } = host
  host.fileExists = (path) => path === checkedPath || fileExists(path)
  host.getSourceFile = (path, version) => {
    const text = path === checkedPath ? checked : readFile(path)
    return text === undefined ? undefined : ts.createSourceFile(path, toUnions(text), version)
  }
  return host
}

/** Replaces enumerations by unions of their values, since JSON has the values. */
function toUnions(text: string): string {
  return text.replace(/export declare enum (\w+) \{(.*?)\}/gs, (_, name: string, members: string) => {
    const values = [...members.matchAll(/= ("[^"]*"|\d+)/g)].map(([, value]) => value)
    return `export type ${name} = ${values.join(' | ')}`
  })
}

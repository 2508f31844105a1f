import t from 'tap'
import { compileOnce } from '../../src/http/compilers.js'

interface Route {
  schema: object
}

t.test('what a schema compiles to is shared where schema, shared schemas and options are the same', (t) => {
  const built: string[] = []
  const build = compileOnce((shared: object, options: object) => {
    built.push(`scope ${JSON.stringify([shared, options])}`)
    return function compile({ schema }: Route) {
      built.push(JSON.stringify(schema))
      return { schema, shared, options }
    }
  })
  const [text, other] = [{ schema: { type: 'string' } }, { schema: { type: 'number' } }]
  const first = build({}, {})(text)
  t.equal(build({}, {})({ schema: { type: 'string' } }), first, 'in another app')
  t.not(build({}, {})(other), first, 'another schema')
  t.not(build({ Item: {} }, {})(text), first, 'other shared schemas')
  t.not(build({}, { coerceTypes: true })(text), first, 'other options')
  t.equal(built.filter((what) => what === '{"type":"string"}').length, 3)
  t.end()
})

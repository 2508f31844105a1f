import { endAll, endOnSignals } from './lib/cleanup.js'
import { readOptions, usage } from './lib/options.js'
import { measureAll } from './measure.js'
import { compareWithBaseline } from './quick/index.js'

// Measures the built service: npm run bench. See README.md in this folder.

const options = readOptions()

if (options.help) console.log(usage)
else {
  endOnSignals()
  try {
    process.exitCode = await (options.quick ? compareWithBaseline(options) : measureAll(options))
  } finally {
    await endAll()
  }
}

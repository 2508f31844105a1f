import { endAll, endOnSignals } from './lib/cleanup.js'
import { planOf } from './soak/plan.js'
import { drawPage } from './soak/report.js'
import { soak } from './soak/run.js'

// Keeps the built service under load for SOAK_MINUTES (default: 30 minutes) while processes, keys and PostgreSQL are replaced:
// npm run bench:soak. With the file of a run, draws its page again. See README.md in this folder.

const [file] = process.argv.slice(2)

if (file !== undefined) console.log(await drawPage(file))
else {
  endOnSignals()
  try {
    process.exitCode = await soak(planOf(Number(process.env.SOAK_MINUTES ?? 30)))
  } finally {
    await endAll()
  }
}

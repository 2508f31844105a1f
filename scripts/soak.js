import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'

// Runs the suites of faults, races and properties repeatedly, with other inputs of properties in each round, for SOAK_MINUTES
// (default: 30 minutes): npm run test:soak

const minute = 60_000
const end = Date.now() + Number(process.env.SOAK_MINUTES ?? 30) * minute
for (let round = 1; Date.now() < end; round++) {
  const seed = String(randomInt(2 ** 31))
  console.error(
    `round ${round}, PROPERTY_SEED=${seed}, ${Math.ceil((end - Date.now()) / minute)} minutes left`,
  )
  const args = ['test/run.js', 'test/faults', 'test/races', 'test/properties']
  const env = { ...process.env, PROPERTY_SEED: seed }
  const [status] = await once(spawn(process.execPath, args, { stdio: 'inherit', env }), 'exit')
  if (status !== 0) process.exit(1)
}

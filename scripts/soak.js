import { spawn } from 'node:child_process'
import { once } from 'node:events'

// Runs the suites of faults and races repeatedly, for SOAK_MINUTES (default: 30 minutes): npm run test:soak

const minute = 60_000
const end = Date.now() + Number(process.env.SOAK_MINUTES ?? 30) * minute
for (let round = 1; Date.now() < end; round++) {
  console.error(`round ${round}, ${Math.ceil((end - Date.now()) / minute)} minutes left`)
  const args = ['test/run.js', 'test/faults', 'test/races']
  const [status] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')
  if (status !== 0) process.exit(1)
}

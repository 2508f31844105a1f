import { writeFileSync } from 'node:fs'
import { createMonitoringFiles } from './lib/monitoring/files.js'

// Writes the rules for Prometheus and the dashboard for Grafana: npm run monitoring

for (const [path, text] of Object.entries(createMonitoringFiles())) writeFileSync(path, text)

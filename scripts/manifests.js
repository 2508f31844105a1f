import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { manifests } from './lib/manifests.js'

// Writes the manifests that are made from the Helm chart, for which it needs helm: npm run deploy:manifests

for (const { path, args } of manifests) writeFileSync(path, execFileSync('helm', args))

import { runService } from './service.js'

void runService(process.argv.slice(2))

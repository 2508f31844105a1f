import { takeJourney } from './journey.js'

console.log(await takeJourney())

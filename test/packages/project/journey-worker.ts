import { takeJourney } from './journey.js'

export default {
  async test(): Promise<void> {
    console.log(await takeJourney())
  },
}

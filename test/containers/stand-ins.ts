import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Test } from 'tap'
import { buildImage, isAvailable } from './docker.js'

const folder = 'test/containers/stand-ins'

/** Returns an image of a name in docker-compose.yml: itself, or a stand-in if it is not here and cannot be pulled. */
export async function provideImage(t: Test, image: string): Promise<string> {
  if (isAvailable(image)) return image
  const standIn = join(folder, basename(image))
  if (!existsSync(standIn)) throw new Error(`there is neither the image ${image} nor a stand-in for it`)
  t.comment(`notice: a stand-in took the place of the image ${image}`)
  return buildImage(t, standIn, '--label', `stand-in=${image}`)
}

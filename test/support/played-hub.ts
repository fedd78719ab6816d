/**
 * A hub at the address that the app asks by itself: what a browser wants from there is taken at its door and answered by a
 * played hub on this machine, with the headers that let pages of other sites read it. Nothing reaches the real one.
 */
import type { BrowserContext } from 'playwright'
import type { MlcFiles } from '../fixtures/mlc-model.ts'
import { HubServer } from './hub-server.ts'

const HUB = 'https://huggingface.co'

/** A running hub with these files. Its list has several pages, as those of large repositories have. */
export async function playHub(repo: string, files: MlcFiles): Promise<HubServer> {
  const hub = await new HubServer(repo, files).start()
  hub.nextHost = HUB
  return hub
}

export async function routeToHub(context: BrowserContext, hub: HubServer): Promise<void> {
  await context.route(`${HUB}/**`, async (route) => {
    const response = await route.fetch({ url: route.request().url().replace(HUB, hub.url) })
    const open = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Link' }
    await route.fulfill({ response, headers: { ...response.headers(), ...open } })
  })
}

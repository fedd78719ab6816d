/** Tabs of one browser that share an engine: the first holds it, the others ask it. */
import type { Page } from 'playwright'
import { expect } from 'vitest'
import { SHORT } from './app-hooks.ts'
import { ask } from './app-page.ts'

/** Whether the engine worker runs in this tab. */
export function holds(page: Page): boolean {
  return page.workers().some((worker) => worker.url().includes('/engine-worker-'))
}

/** An owner that has answered once, and so many clients. */
export async function openEngineTabs(
  openTab: () => Promise<Page>,
  clients: number,
): Promise<[owner: Page, ...clients: Page[]]> {
  const owner = await openTab()
  expect(await ask(owner, SHORT)).toMatchObject({ engine: 'stage', code: null })
  const others: Page[] = []
  for (let count = 0; count < clients; count += 1) others.push(await openTab())
  return [owner, ...others]
}

export function clientOf([, client]: Page[]): Page {
  if (!client) throw new Error('there is no client')
  return client
}

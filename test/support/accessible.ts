/** Sound for axe, of a page that has come to rest: between two colours there is a contrast that nobody is left with. */
import AxeBuilder from '@axe-core/playwright'
import type { Page } from 'playwright'
import { expect } from 'vitest'

export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // Asked for, styles are up to date, and whatever moves because of them has begun.
    getComputedStyle(document.body).getPropertyValue('color')
    const moving = document.getAnimations().filter(({ playState, effect }) => {
      return playState === 'running' && effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY
    })
    // One that is taken away does not finish.
    await Promise.allSettled(moving.map(({ finished }) => finished))
  })
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  expect(grave.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([])
}

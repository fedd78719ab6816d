/**
 * The Contribute and Network screens: every state a person can meet with a played mesh behind the page that ships, by mouse
 * and by keyboard, judged by axe; and real tabs that contribute by the button, counted by a third over the real server.
 */
import { describe, expect, it } from 'vitest'
import { useBrowser, useModels } from '../support/app-hooks.ts'
import { large, small, usePlayedPage } from '../support/played-page.ts'

const REQUEST = 'ab'.repeat(16)
const CENSUS = {
  peers: 7,
  models: [
    {
      modelId: small.id,
      ranges: [
        { span: { first: 0, last: 15 }, holders: 2, msPerLayer: 1.4 },
        { span: { first: 15, last: 30 }, holders: 3, msPerLayer: 12.3 },
      ],
      whole: null,
    },
    { modelId: large.id, ranges: [{ span: { first: 0, last: 10 }, holders: 1, msPerLayer: 4 }], whole: null },
  ],
}

describe('with a played mesh', () => {
  const used = usePlayedPage()
  const page = () => used.current.page
  const button = (name: string) => used.current.button(name)
  const region = (name: string) => page().getByRole('region', { name, exact: true })
  const focused = () => page().evaluate(() => document.activeElement?.textContent?.trim())
  const joins = () => page().evaluate(() => window.fake.mesh.joins)
  const row = (table: string, name: string) =>
    page().getByRole('table', { name: table }).getByRole('row').filter({ hasText: name })

  async function open(screen: 'contribute' | 'network', scene: object = {}): Promise<void> {
    await used.current.open(scene, `#/${screen}`)
    await page().getByRole('heading', { level: 2 }).waitFor()
    const give = page().getByRole('combobox', { name: 'Give', exact: true })
    if (screen === 'contribute' && !('facts' in scene)) await give.selectOption('Layers of the model')
  }

  async function agree(): Promise<void> {
    await page()
      .getByRole('dialog')
      .getByRole('button', { name: /^Agree and / })
      .click()
    await page().evaluate(() => window.fake.mesh.joined())
  }

  async function begin(): Promise<void> {
    await open('contribute')
    await button('Contribute this GPU').click()
    await agree()
    await page().evaluate(() => window.fake.mesh.started())
  }

  async function serve(): Promise<void> {
    await begin()
    await page().evaluate((id) => {
      window.fake.mesh.signal('here')
      window.fake.mesh.serve(0, 15, id, 1.42)
    }, small.id)
    await region('Contributing').waitFor()
  }

  async function look(census: object = CENSUS): Promise<void> {
    await open('network')
    await button('Connect').click()
    await agree()
    await page().evaluate((given) => {
      window.fake.mesh.signal('here')
      window.fake.mesh.census(given as never)
    }, census)
  }

  describe('Contribute', () => {
    it('says what would be used, and changes it with the limits', async () => {
      await open('contribute')
      await region('What would be used').getByText('Up to 30 of 30, the ones').waitFor()
      await region('What would be used').getByText('About 282 MB; your browser allows 2.1 GB').waitFor()
      await region('Limits').getByRole('combobox', { name: 'GPU memory' }).selectOption('At most 128 MB')
      await region('What would be used').getByText('Up to 13 of 30, the ones').waitFor()
      await region('What would be used').getByRole('combobox', { name: 'Model' }).selectOption('Large-Instruct')
      await page().getByText('Not one layer fits the limit below.').waitFor()
      await expect.poll(() => button('Contribute this GPU').isDisabled()).toBe(true)
      await used.current.expectSound()
    })

    it('connects nothing before a person has agreed, and a no is a no', async () => {
      await open('contribute')
      await button('Contribute this GPU').click()
      const dialog = page().getByRole('dialog', { name: 'Other tabs will see your network address' })
      await dialog.waitFor()
      await used.current.expectSound()
      await button('Not now').click()
      await dialog.waitFor({ state: 'detached' })
      expect(await joins()).toBe(0)
      await button('Contribute this GPU').click()
      await dialog.getByRole('checkbox', { name: 'Relay only' }).check()
      await agree()
      await expect.poll(() => joins()).toBe(1)
      await page().getByText('tabs you work with see a relay in place of your address').waitFor()
      await page().reload()
      await button('Contribute this GPU').click()
      await region('Connecting').waitFor()
    })

    it('goes from the server over the load to what is given', async () => {
      await begin()
      await region('Connecting').waitFor()
      await page().evaluate(() => {
        window.fake.mesh.assign(0, 15)
        window.fake.mesh.progress({ phase: 'fetch', doneBytes: 12e6, totalBytes: 48e6 })
      })
      await page().getByText('layers 1 to 15 of Small-Instruct').waitFor()
      const bar = page().getByRole('progressbar', { name: 'Loading of Small-Instruct' })
      await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('25')
      await used.current.expectAccessible()
      await page().evaluate(async (id) => {
        const { mesh } = window.fake
        mesh.serve(0, 15, id, 1.42)
        mesh.links = [{ peer: `key/${'a'.repeat(22)}`, relayed: true, roundTripMs: 30 }]
        await mesh.tick()
        mesh.positions = 42
        mesh.serving = 2
        mesh.links = mesh.links.map((link) => ({ ...link, sentBytes: 9_000, receivedBytes: 7_000 }))
        await mesh.tick()
      }, small.id)
      const given = region('Contributing')
      for (const fact of ['42 tokens/s', '7.0 kB/s', '9.0 kB/s', '1.4 ms a layer', '0 direct, 1 relayed'])
        await given.getByText(fact, { exact: true }).waitFor()
      await used.current.expectSound()
    })

    it('is paused, resumed and stopped by keyboard, which stays where it was', async () => {
      await open('contribute')
      await button('Contribute this GPU').focus()
      await page().keyboard.press('Enter')
      await page().getByRole('dialog').getByRole('button', { name: 'Agree and contribute' }).focus()
      await page().keyboard.press('Enter')
      await page().evaluate(() => window.fake.mesh.started())
      await expect.poll(focused).toBe('Pause')
      await page().keyboard.press('Enter')
      await page().getByText('You paused it.').waitFor()
      await expect.poll(() => focused()).toBe('Resume')
      await used.current.expectAccessible()
      await page().keyboard.press('Enter')
      await region('Connecting').waitFor()
      await page().keyboard.press('Tab')
      await expect.poll(() => focused()).toBe('Stop')
      await page().keyboard.press('Enter')
      await expect.poll(focused).toBe('Contribute this GPU')
      await expect.poll(() => page().evaluate(() => window.fake.mesh.given)).toBe('off')
    })

    it('rests while the person is active', async () => {
      await serve()
      await page().evaluate(() => window.fake.mesh.device.active(true))
      await region('Paused').getByText('You are using this tab.').waitFor()
      await used.current.expectSound()
    })

    it('says that the server is away, and what goes on', async () => {
      await serve()
      await page().evaluate(() => window.fake.mesh.away())
      await page().getByText('Answers under way go on.').waitFor()
      await expect.poll(() => page().getByText('signal-away', { exact: true }).count()).toBe(1)
      await used.current.expectSound()
    })

    it('that was refused says why and can be tried again', async () => {
      await begin()
      await page().evaluate(() => window.fake.mesh.refuse('source-unreachable', 'It said nothing for 10 s.'))
      await page().getByText('It said nothing for 10 s.').waitFor()
      await expect.poll(() => page().getByText('source-unreachable', { exact: true }).count()).toBe(1)
      await used.current.expectSound()
      await button('Contribute this GPU').click()
      await region('Connecting').waitFor()
    })

    it('without a GPU says so', async () => {
      await open('contribute', { facts: { ok: false, code: 'no-webgpu', detail: '' } })
      await page().getByText('This browser has no GPU to contribute.').waitFor()
      await expect.poll(() => button('Contribute this GPU').count()).toBe(0)
      await used.current.expectSound()
    })
  })

  describe('Network', () => {
    it('looks only after a person has agreed, and no longer than its screen is open', async () => {
      await open('network')
      await region('Not connected').waitFor()
      await used.current.expectSound()
      expect(await joins()).toBe(0)
      await button('Connect').click()
      await agree()
      await page().getByText('Looking for who is here').waitFor()
      await expect.poll(() => page().evaluate(() => window.fake.mesh.looking)).toBe(true)
      await page().goto(page().url().replace('#/network', '#/settings'))
      await page().waitForFunction(() => !window.fake.mesh.looking)
    })

    it('shows that nobody contributes', async () => {
      await look({ peers: 1, models: [] })
      await page().getByText('Only this tab is here').waitFor()
      await used.current.expectSound()
      await page().getByRole('link', { name: 'Contribute this GPU' }).click()
      await page().getByRole('heading', { name: 'Contribute', level: 2 }).waitFor()
    })

    it('shows who holds which layers, in a picture and in a table', async () => {
      await look()
      await page().getByText('7 tabs are here, 6 contributing').waitFor()
      const table = 'Who holds which layers of Small-Instruct'
      await row(table, '16 to 30').getByText('3 tabs').waitFor()
      await row(table, '16 to 30').getByText('12 ms a layer').waitFor()
      await expect.poll(() => page().locator('svg .band').count()).toBe(5)
      await used.current.expectSound()
      await page().getByRole('combobox', { name: 'Model on show' }).selectOption('Large-Instruct')
      await page().getByText('20 of 30 layers are held by nobody yet').waitFor()
    })

    it('shows an own answer on its way, a stage that is lost, and who takes over', async () => {
      await look()
      const play = (step: string) =>
        page().evaluate(
          ([request, id, what]) => {
            const { mesh } = window.fake
            const peer = (name: string) => `key/${name.padEnd(22, '0')}`
            const about = { peer: peer('ilse'), span: { first: 15, last: 30 } }
            if (what === 'begin') {
              const stage = (first: number, last: number, name: string) => ({
                span: { first, last },
                peer: peer(name),
                ticket: '',
                standby: name === 'ilse' ? { peer: peer('ruth'), ticket: '' } : null,
              })
              mesh.links = [
                { peer: peer('mara'), relayed: false, roundTripMs: 3.2 },
                { peer: peer('ilse'), relayed: true, roundTripMs: 48 },
              ]
              const laps = { laps: 12, lapP50Ms: 62, lapP95Ms: 80, hopP50Ms: 7.4, hopP95Ms: 12 }
              mesh.times = { ...laps, stageMs: new Map([[peer('ilse') as never, 21]]) }
              mesh.chat = async function* () {
                mesh.planned(request, [stage(0, 15, 'mara'), stage(15, 30, 'ilse')])
                yield { kind: 'text', text: 'ab', tokens: [1, 2] } as never
                await new Promise(() => {})
              }
              const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
              const question = { messages: [], sampling, maxTokens: 8, stop: [] }
              void (async () => {
                for await (const _ of window.fakeApp.mesh.ask(id, question, new AbortController().signal));
              })()
            } else if (what === 'lose') {
              mesh.route(request, { kind: 'lost', ...about, reason: { ok: false, code: 'link-closed', detail: '' } })
            } else {
              mesh.nowMs += 420
              mesh.route(request, { kind: 'replaced', ...about, peer: peer('ruth'), fed: true })
              mesh.route(request, { kind: 'recovered', position: 2 })
            }
            return mesh.tick()
          },
          [REQUEST, small.id, step] as const,
        )
      await play('begin')
      const story = region('Your answer right now')
      await story.getByText('2 tokens so far').waitFor()
      await row('Stages of the route', '1 to 15').getByText('direct, 3.2 ms').waitFor()
      await row('Stages of the route', '16 to 30').getByText('relayed, 48 ms').waitFor()
      await row('Stages of the route', '16 to 30').getByText('ruth stands by').waitFor()
      // The first second read who there is; the next has the times of what ran in it.
      await page().evaluate(() => window.fake.mesh.tick())
      await row('Stages of the route', '16 to 30').getByText('21 ms', { exact: true }).waitFor()
      await story.getByText('62 ms, 95 % within 80 ms', { exact: true }).waitFor()
      await story.getByText('7.4 ms, 95 % within 12 ms', { exact: true }).waitFor()
      await expect.poll(() => page().locator('svg path.weft.running').count()).toBe(1)
      await expect.poll(() => page().locator('svg .bead').count()).toBe(1)
      await play('lose')
      await story.getByText('ilse (layers 16 to 30) was lost').waitFor()
      await expect.poll(() => page().locator('svg .strike').count()).toBe(1)
      await expect.poll(() => page().locator('svg path.weft.broken').count()).toBe(1)
      await used.current.expectAccessible()
      await play('mend')
      await story.getByText(/^The answer goes on, \d+\.\d+ s after the loss$/).waitFor()
      await row('Stages of the route', '16 to 30').getByText('took over from ilse').waitFor()
      await expect.poll(() => page().locator('svg path.weft.broken').count()).toBe(0)
      await used.current.expectSound()
    })

    it('keeps still where a person wants no motion', async () => {
      await page().emulateMedia({ reducedMotion: 'reduce' })
      await look()
      await page().evaluate((request) => {
        const peer = `key/${'a'.repeat(22)}`
        const stage = { span: { first: 0, last: 15 }, peer, ticket: '', standby: null }
        window.fake.mesh.planned(request, [stage])
      }, REQUEST)
      await region('Your answer right now').waitFor()
      await expect.poll(() => page().locator('svg .bead').count()).toBe(0)
    })

    it('says that the server is away and keeps the last picture', async () => {
      await look()
      await page().evaluate(() => window.fake.mesh.away())
      await page().getByText('The picture is the last that was told.').waitFor()
      await region('Small-Instruct').waitFor()
      await used.current.expectSound()
    })

    it('says when its code cannot be fetched', async () => {
      await open('network')
      await page().evaluate(() => {
        window.fake.mesh.unreachable = true
      })
      await button('Connect').click()
      await page().getByRole('dialog').getByRole('button', { name: 'Agree and connect' }).click()
      await page().getByText('source-unreachable', { exact: true }).waitFor()
      await used.current.expectSound()
    })
  })

  it('they and the rooms are reached from the list of conversations', async () => {
    await used.current.open()
    await used.current.message.waitFor()
    for (const name of ['Contribute', 'Network', 'Rooms']) {
      await page().getByRole('link', { name, exact: true }).click()
      await page().getByRole('heading', { name, level: 2 }).waitFor()
      await expect.poll(() => page().title()).toBe(`${name} · Weft`)
    }
    expect(await joins()).toBe(0)
  })
})

describe('over the real server, mesh and engine', () => {
  const server = useModels('llama')
  const browser = useBrowser({ console: true })

  it('two tabs that contribute by the button are counted on the screen of a third', async () => {
    const address = (screen: string) => `${server.url}/?engine=stage#/${screen}`
    for (const first of [true, false]) {
      const tab = await browser.open(address('contribute'))
      await tab.getByRole('combobox', { name: 'Give', exact: true }).selectOption('Layers of the model')
      await tab.getByRole('button', { name: 'Contribute this GPU' }).click()
      if (first) await tab.getByRole('button', { name: 'Agree and contribute' }).click()
      await tab.getByRole('region', { name: 'Contributing' }).waitFor()
      await tab.getByText('Nobody asks right now.').waitFor()
    }
    const third = await browser.open(address('network'))
    await third.getByText('3 tabs are here, 2 contributing').waitFor()
    await third.getByRole('table').getByText('2 tabs', { exact: true }).waitFor()
    await third
      .getByRole('table')
      .getByText(/^\d.* ms a layer$/)
      .waitFor()
  })
})

/** What limits make of a contribution over a played mesh: when it begins, rests and goes on, at what pace, and what keeps it awake. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AppMesh } from '../../web/app-mesh.ts'
import type { MeshSettings } from '../../web/app-mesh-view.ts'
import { fakeModel } from '../support/fake-engine.ts'
import { fakeEntry } from '../support/fake-entry.ts'
import { FakeMesh } from '../support/fake-mesh.ts'
import { meshOfOne } from '../support/mesh-of-one.ts'

const model = { ...fakeModel(1), layers: 30 }
const entry = fakeEntry(model)
const at = (hour: number) => hour * 60

let played: FakeMesh
let mesh: AppMesh

beforeEach(() => {
  played = new FakeMesh()
  mesh = meshOfOne(played, entry).mesh
  mesh.set({ way: 'layers' })
})

const given = () => mesh.view.contribution

async function serve(limits: Partial<MeshSettings> = {}): Promise<void> {
  mesh.set({ consent: true, ...limits })
  void mesh.contribute(entry.key)
  await played.started()
  played.serve(0, 10, model.id, 1.5)
}

describe('hours', () => {
  it('that have not come: it waits for them, and frees the GPU when they are over', async () => {
    played.device.minute = at(21)
    mesh.set({ consent: true, hours: { from: at(22), to: at(6) } })
    expect(await mesh.contribute(entry.key)).toMatchObject({ ok: true })
    expect(given()).toEqual({ state: 'paused', key: entry.key, stays: false, why: 'hours', untilMinute: at(22) })
    expect([played.joins, played.starts]).toEqual([0, 0])
    played.device.minute = at(22)
    await played.tick()
    await played.started()
    played.serve(0, 10, model.id, 1.5)
    expect(given()).toMatchObject({ state: 'serving' })
    played.device.minute = at(6)
    await played.tick()
    expect([given(), played.given]).toMatchObject([{ state: 'paused', why: 'hours' }, 'off'])
  })

  it('a person may go on in spite of them, until they have come and gone', async () => {
    played.device.minute = at(12)
    await serve()
    mesh.set({ hours: { from: at(22), to: at(6) } })
    expect(given()).toMatchObject({ state: 'paused', why: 'hours' })
    void mesh.resume()
    await played.started()
    played.serve(0, 10, model.id, 1.5)
    await played.tick()
    expect(given().state).toBe('serving')
    for (const [hour, state] of [
      [23, 'serving'],
      [7, 'paused'],
    ] as const) {
      played.device.minute = at(hour)
      await played.tick()
      expect(given().state).toBe(state)
    }
  })
})

describe('the battery', () => {
  it('below the limit pauses it until it charges', async () => {
    await serve({ batteryMin: 0.5 })
    played.device.battery(false, 0.6)
    expect(given().state).toBe('serving')
    played.device.battery(false, 0.4)
    expect(given()).toMatchObject({ state: 'paused', why: 'battery' })
    played.device.battery(true, 0.4)
    await played.started()
    expect(given().state).toBe('connecting')
  })

  it('only while charging pauses it at any level', async () => {
    await serve({ chargingOnly: true })
    played.device.battery(false, 1)
    expect(given()).toMatchObject({ state: 'paused', why: 'power' })
    mesh.set({ chargingOnly: false })
    await played.started()
    expect(given().state).toBe('connecting')
  })
})

describe('the pace', () => {
  it('is that of the limit from the start, and changes while it gives', async () => {
    await serve({ duty: 0.5 })
    expect(played.duty).toBe(0.5)
    mesh.set({ duty: 0.25 })
    expect([played.duty, played.starts]).toEqual([0.25, 1])
  })
})

describe('the whole device', () => {
  it('is watched only with leave, which a no does not give', async () => {
    await serve()
    expect(played.device.watched).toBe(false)
    played.device.allowed = false
    await mesh.watchDevice()
    expect([mesh.view.settings.watchDevice, played.device.watched]).toEqual([false, false])
    played.device.allowed = true
    await mesh.watchDevice()
    expect([mesh.view.settings.watchDevice, played.device.watched]).toEqual([true, true])
    played.device.active(true)
    expect(given()).toMatchObject({ state: 'paused', why: 'active' })
  })
})

describe('keeping awake', () => {
  it('begins and ends with what is given', async () => {
    await serve({ keepAwake: true })
    expect(played.device.awake).toMatchObject({ tab: true, screen: false })
    played.device.keeps('window')
    expect(given()).toMatchObject({ awake: 'window' })
    await mesh.pause()
    expect(played.device.awake).toBe(null)
    void mesh.resume()
    await played.started()
    played.serve(0, 10, model.id, 1.5)
    expect([played.device.awake !== null, given()]).toMatchObject([true, { awake: null }])
    await mesh.stop()
    expect(played.device.awake).toBe(null)
  })

  it('is never begun unasked, and a closed window takes the wish back', async () => {
    await serve()
    expect(played.device.awake).toBe(null)
    mesh.set({ keepAwake: true, screenOn: true })
    expect(played.device.awake).toMatchObject({ tab: true, screen: true })
    played.device.closeWindow()
    expect(mesh.view.settings).toMatchObject({ keepAwake: false, screenOn: true })
    expect(played.device.awake).toMatchObject({ tab: false, screen: true })
  })
})

it('says how much slower it is while hidden, once that was measured', async () => {
  await serve()
  expect(given()).toMatchObject({ hiddenSlowdown: null })
  played.hiddenSlowdown = 2.7
  await played.tick()
  expect(given()).toMatchObject({ hiddenSlowdown: 2.7 })
})

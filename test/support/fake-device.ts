/** What the fake mesh's browser tells of its device: as `giving-device.ts`, told by a test. Nothing happens by itself. */
import type { Awake } from '../../web/app-mesh-view.ts'
import type { AwakeWish, MeshParts } from '../../web/mesh-door.ts'
import type { Battery } from '../../web/rules/giving.ts'

type Device = Omit<MeshParts, 'join' | 'siteOf' | 'nowMs' | 'every'>

export class FakeDevice {
  /** Of the wall clock, and what this browser can tell. */
  minute = 0
  means = { battery: true, deviceActivity: true, awakeWindow: true, screenOn: true }
  /** The answer of the person to what the whole device tells. */
  allowed = true
  watched = false
  awake: AwakeWish | null = null
  #active: (active: boolean) => void = () => {}
  #visible: (visible: boolean) => void = () => {}
  #battery: (battery: Battery | null) => void = () => {}

  get parts(): Device {
    return {
      watchVisible: (onChange) => {
        this.#visible = onChange
        onChange(true)
        return () => {}
      },
      watchActivity: (device, onChange) => {
        this.watched = device
        this.#active = onChange
        return () => {
          this.#active = () => {}
        }
      },
      watchBattery: (onChange) => {
        this.#battery = onChange
        return () => {}
      },
      minute: () => this.minute,
      keepAwake: (wish) => {
        this.awake = wish
        return () => {
          this.awake = null
        }
      },
      means: this.means,
      askDeviceActivity: async () => this.allowed,
    }
  }

  active(active: boolean): void {
    this.#active(active)
  }

  visible(visible: boolean): void {
    this.#visible(visible)
  }

  battery(charging: boolean, level: number): void {
    this.#battery({ charging, level })
  }

  /** What keeps the tab awake. */
  keeps(awake: Awake): void {
    this.awake?.onChange(awake)
  }

  /** The person closed the window that keeps it awake. */
  closeWindow(): void {
    this.awake?.onClosed()
  }
}

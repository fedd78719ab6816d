/**
 * What a browser tells of its device, for a tab that gives: the time, the battery, whether it is seen and used; and what it
 * can do to stay awake. Reads and passes on; decides nothing.
 */
import { hasAwakeWindow, keepAwake } from './keep-awake.ts'
import type { MeshParts } from './mesh-door.ts'
import { askDeviceActivity, tellsDeviceActivity, watchActivity } from './person-activity.ts'
import type { Battery } from './rules/giving.ts'

type Device = Pick<
  MeshParts,
  'minute' | 'watchVisible' | 'watchActivity' | 'watchBattery' | 'keepAwake' | 'means' | 'askDeviceActivity'
>

/** As far as it is used here: https://www.w3.org/TR/battery-status/ */
interface BatteryManager extends EventTarget, Battery {}
type Navigating = Navigator & { readonly getBattery?: () => Promise<BatteryManager> }

export const givingDevice: Device = {
  minute() {
    const now = new Date()
    return now.getHours() * 60 + now.getMinutes()
  },
  watchVisible(onChange) {
    const look = () => onChange(document.visibilityState === 'visible')
    document.addEventListener('visibilitychange', look)
    look()
    return () => document.removeEventListener('visibilitychange', look)
  },
  watchActivity,
  watchBattery(onChange) {
    const stopped = new AbortController()
    const { signal } = stopped
    const watch = async () => {
      const battery = await (navigator as Navigating).getBattery?.()
      if (!battery || signal.aborted) return
      const look = () => onChange({ charging: battery.charging, level: battery.level })
      for (const type of ['chargingchange', 'levelchange']) battery.addEventListener(type, look, { signal })
      look()
    }
    // A browser may have it and refuse it: as one that has none.
    watch().catch(() => {})
    return () => stopped.abort()
  },
  keepAwake,
  means: {
    battery: 'getBattery' in navigator,
    deviceActivity: tellsDeviceActivity(),
    awakeWindow: hasAwakeWindow(),
    screenOn: 'wakeLock' in navigator,
  },
  askDeviceActivity,
}

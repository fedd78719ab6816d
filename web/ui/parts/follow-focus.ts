/**
 * Where a press takes away what was pressed, the keyboard goes on at what takes its place. `follow` is attached to that; it
 * moves the focus only after `pressed` was called.
 */
export interface FollowFocus {
  pressed(): void
  readonly follow: (element: HTMLElement) => void
}

export function followFocus(): FollowFocus {
  let pressed = false
  return {
    pressed() {
      pressed = true
    },
    follow(element) {
      // A dialog that closes in the same step gives the focus back first.
      if (pressed) queueMicrotask(() => element.focus())
      pressed = false
    },
  }
}

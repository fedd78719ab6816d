/**
 * Keeps the keyboard where it was when the model it was at changes its buttons or its group: the row's next button, or
 * the screen's heading where the row is gone. Touches the focus and nothing else.
 */
export interface FocusKeeper {
  readonly attach: (screen: HTMLElement) => void
  /** Called before and after the screen is drawn anew. */
  before(): void
  after(): void
}

export function focusKeeper(): FocusKeeper {
  let screen: HTMLElement | null = null
  let key: string | null = null
  return {
    attach(element) {
      screen = element
    },
    before() {
      const row = document.activeElement?.closest<HTMLElement>('[data-key]')
      if (row) key = row.dataset['key'] ?? null
      else if (document.activeElement !== document.body) key = null
    },
    after() {
      // A dialog gives the focus back by itself.
      if (key === null || document.activeElement !== document.body) return
      const row = screen?.querySelector(`[data-key="${CSS.escape(key)}"]`)
      const next = row?.querySelector<HTMLElement>('button:enabled') ?? screen?.querySelector<HTMLElement>('h2')
      next?.focus()
    },
  }
}

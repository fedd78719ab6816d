/**
 * Keeps a growing text in view for a reader who is at its end, and leaves a reader alone who scrolled up. Touches only
 * the scroll position of the element it is attached to.
 */
/** A reader this close to the end counts as being there; more than a line would fight the scroll wheel. */
const SLACK_PX = 24

export class Stick {
  #atEnd = $state(true)
  #scroller: HTMLElement | null = null
  /** The last scroll position that was seen. */
  #top = 0
  readonly #wanted: () => boolean

  /** `wanted`: whether there is a text whose end a reader may want. A page to read from its top is left alone. */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted
  }

  get atEnd(): boolean {
    return this.#atEnd
  }

  toEnd(): void {
    this.#atEnd = true
    this.#follow()
  }

  /** For `{@attach}` on the scrolling element; its children are watched for growth. */
  readonly attach = (scroller: HTMLElement) => {
    this.#scroller = scroller
    // Not every browser lets the keyboard scroll an element that holds nothing to focus.
    scroller.tabIndex = 0
    const observer = new ResizeObserver(() => this.#follow())
    observer.observe(scroller)
    for (const child of scroller.children) observer.observe(child)
    // The event comes late: text may have grown since, or have shrunk and pulled the view up. Only a way up that this
    // file did not see is a reader who leaves the end.
    const onScroll = () => {
      const near = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight <= SLACK_PX
      if (near) this.#atEnd = true
      else if (scroller.scrollTop < this.#top) this.#atEnd = false
      this.#top = scroller.scrollTop
    }
    scroller.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      this.#scroller = null
      observer.disconnect()
      scroller.removeEventListener('scroll', onScroll)
    }
  }

  #follow(): void {
    const scroller = this.#scroller
    if (!scroller || !this.#atEnd || !this.#wanted()) return
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: 'instant' })
    this.#top = scroller.scrollTop
  }
}

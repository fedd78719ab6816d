/**
 * For `{@attach}` on a box that scrolls: the keyboard can reach it while there is something to scroll, and is
 * not stopped by it otherwise. Touches nothing but the box's `tabindex`.
 */
export function scrollable(box: HTMLElement): () => void {
  const look = () => {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0
    else box.removeAttribute('tabindex')
  }
  const observer = new ResizeObserver(look)
  observer.observe(box)
  for (const child of box.children) observer.observe(child)
  return () => observer.disconnect()
}

/** Lets go what waits, as often as it takes; a promise has no end that can be seen. */
export async function until(condition: () => boolean): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve))
  while (!condition())
}

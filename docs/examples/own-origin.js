/** The script of `own-origin.html`: one label for a text, by the SDK's helpers and the model of this device. */
import { createWeft } from '/sdk/weft.js'

const form = document.querySelector('form')
const output = document.querySelector('output')

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const { helpers } = createWeft()
    output.textContent = await helpers.classify(form.elements.text.value, helpers.labels.sentiment)
  } catch (error) {
    // Before Weft is up in the frame: `app-missing`.
    output.textContent = `${error.message} (${error.code})`
  }
})

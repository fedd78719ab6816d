/** The script of `openai.html`: one streamed answer by plain `fetch`, in OpenAI's shape. */

const form = document.querySelector('form')
const output = document.querySelector('output')
let abort = new AbortController()

/** The service worker has to stand before this page first: else the question would go to the server, which has no answer. */
async function served() {
  const { serviceWorker } = navigator
  await serviceWorker.register('/sw.js')
  if (!serviceWorker.controller)
    await new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
}

async function* ask(question, signal) {
  const answer = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: question }], max_tokens: 64, stream: true }),
    signal,
  })
  if (!answer.ok) throw new Error((await answer.json()).error.message)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ; ) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (rest + value).split('\n\n')
    rest = events.pop()
    for (const event of events) {
      const data = event.slice('data: '.length)
      if (data === '[DONE]') return
      const { error, choices } = JSON.parse(data)
      if (error) throw new Error(error.message)
      yield choices[0]?.delta.content ?? ''
    }
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  abort.abort()
  abort = new AbortController()
  output.textContent = ''
  try {
    await served()
    for await (const piece of ask(form.elements.question.value, abort.signal)) output.textContent += piece
    output.dataset.state = 'done'
  } catch (error) {
    output.textContent += ` (${error.message})`
    output.dataset.state = 'failed'
  }
})

form.elements.stop.addEventListener('click', () => abort.abort())

// The tag of the widget with the key of this page's address, and what the chat may use of the page.
const key = new URL(location.href).searchParams.get('key')
if (key === null) document.querySelector('#key').hidden = false
else {
  const tag = document.createElement('script')
  tag.src = '/embed.js'
  tag.dataset.weftKey = key
  tag.dataset.weftLabel = 'Ask the shop'
  document.head.append(tag)
  customElements.whenDefined('weft-chat').then(() => {
    const chat = document.querySelector('weft-chat')
    chat.setContext(document.querySelector('main').innerText)
    chat.suggest(['Which cloth is best for a summer shirt?', 'Can I send cut cloth back?'])
  })
}

/** Where the service worker finds this tab when a page calls `/v1/...`: hands on the port of a call. Reads nothing of it. */
import { isOpenAiWho } from './wire/openai-call.ts'

export function openDoor(serve: (port: MessagePort) => void): void {
  if (!('serviceWorker' in navigator)) return
  navigator.serviceWorker.addEventListener('message', ({ data, ports: [port] }) => {
    if (port && isOpenAiWho(data)) serve(port)
  })
}

/**
 * A partner's site for tests: a real server on another port, and so another origin than Weft's, with the tag of the widget and the
 * headers that a test asks for. Has a text long enough to scroll, to see that nothing of it moves.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface PartnerSite {
  readonly url: string
  close(): Promise<void>
}

export interface PartnerPage {
  /** The attributes of the tag after its `src`. */
  readonly tag: string
  readonly headers?: Readonly<Record<string, string>>
  readonly style?: string
  /** Of the page's own. */
  readonly script?: string
  /** Without the tag: the page adds the widget by itself. */
  readonly manual?: boolean
}

/** `weft`: the address of the server of Weft. A path names one of the pages. */
export async function servePartner(weft: string, pages: Readonly<Record<string, PartnerPage>>): Promise<PartnerSite> {
  const server = createServer((request, response) => {
    const page = pages[new URL(request.url ?? '/', 'http://partner').pathname]
    response.writeHead(page ? 200 : 404, { 'Content-Type': 'text/html; charset=utf-8', ...page?.headers })
    response.end(page ? documentOf(weft, page) : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function documentOf(weft: string, { tag, style = '', script = '', manual = false }: PartnerPage): string {
  const paragraphs = Array.from({ length: 30 }, (_, index) => `<p>Paragraph ${index + 1} of the partner's page.</p>`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Partner</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
${style === '' ? '' : `<style>${style}</style>`}${manual ? '' : `<script src="${weft}/embed.js" ${tag} async></script>`}
${script === '' ? '' : `<script>${script}</script>`}</head>
<body><main><h1>A partner's page</h1>${paragraphs.join('\n')}</main></body></html>`
}

/**
 * Draws what an add or a verify tells: one line drawn over on a terminal, plain lines elsewhere. It decides nothing.
 */
import { explain } from '../../web/wire/codes.ts'
import { LineThinner, plain, progressBar, progressText } from './cli-view.ts'
import type { AddEvent, OnAddEvent } from './progress.ts'

/** Where the command prints. `columns` is null where a line cannot be drawn over. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly columns: number | null
}

export class Drawing {
  readonly #terminal: Terminal
  readonly #thinner = new LineThinner()
  readonly #sources: number
  #open = false
  failedSources = 0

  constructor(terminal: Terminal, sources: number) {
    this.#terminal = terminal
    this.#sources = sources
  }

  readonly take: OnAddEvent = (event: AddEvent) => {
    const { out, columns } = this.#terminal
    switch (event.kind) {
      case 'source':
        return this.#line(`From ${plain(event.source)}`)
      case 'source-failed':
        this.failedSources++
        // The failure of an only source is the command's own: said once, at its end.
        if (this.#sources > 1)
          this.#line(`  ${explain(event.failure.code, plain(event.failure.detail))} [${event.failure.code}]`)
        return
      case 'warning':
        return this.#line(`Note: ${explain(event.failure.code, plain(event.failure.detail))}`)
      case 'progress': {
        if (columns === null) {
          if (this.#thinner.shows(event)) out(`  ${progressText(event)}\n`)
          return
        }
        out(`\r\u001b[2K${progressBar(event, columns)}`)
        this.#open = true
        return
      }
      default:
        event satisfies never
    }
  }

  end(): void {
    if (this.#open) this.#terminal.out('\r\u001b[2K')
    this.#open = false
  }

  #line(text: string): void {
    this.end()
    this.#terminal.out(`${text}\n`)
  }
}

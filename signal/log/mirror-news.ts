/**
 * What the background add of the mirror has to say: as sentences to a person at a terminal, or as events of the log. It
 * decides nothing.
 */
import { explain } from '../../web/wire/codes.ts'
import { LineThinner, plain, progressText } from '../models/cli-view.ts'
import type { OnMirrorEvent } from '../models/mirror.ts'
import type { Log } from './log.ts'

export function mirrorSentences(say: (sentence: string) => void): OnMirrorEvent {
  const thinner = new LineThinner()
  return (event) => {
    switch (event.kind) {
      case 'source':
        return say(`Adding ${plain(event.name)} from ${plain(event.source)}`)
      case 'progress':
        return thinner.shows(event) ? say(`  ${progressText(event)}`) : undefined
      case 'source-failed':
        return say(`  ${explain(event.failure.code, plain(event.failure.detail))} [${event.failure.code}]`)
      case 'warning':
        return say(`  ${explain(event.failure.code, plain(event.failure.detail))}`)
      case 'busy':
        return say(`${plain(event.name)} is being added by another command; waiting for it.`)
      case 'added':
        return say(`Added ${plain(event.name)}.`)
      default:
        event satisfies never
    }
  }
}

export function mirrorLog(log: Log): OnMirrorEvent {
  return (event) => {
    switch (event.kind) {
      case 'source':
        return log.write('model-adding', { name: event.name, source: event.source })
      case 'progress':
        return
      case 'source-failed':
        return log.write('model-source-failed', { code: event.failure.code })
      case 'warning':
        return log.write('model-warning', { code: event.failure.code })
      case 'busy':
        return log.write('model-busy', { name: event.name })
      case 'added':
        return log.write('model-added', { name: event.name })
      default:
        event satisfies never
    }
  }
}

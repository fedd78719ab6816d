/**
 * Sanctions and announcements below `/operator/`: made, lifted, listed. What each means and who it reaches is decided elsewhere; that it is
 * written down first, by the router.
 */
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { parseAnnouncementWish, parseSanctionWish } from '../../web/wire/rulings.ts'
import type { OperatorAction } from './audit.ts'
import { pageAsked } from './pages.ts'
import type { OperatorEndpoint } from './router.ts'
import type { Rulings } from './rulings.ts'

const ID = '([A-Za-z0-9_-]{22})'

export function rulingEndpoints(rulings: Rulings): readonly OperatorEndpoint[] {
  return [
    {
      method: 'GET',
      path: /^sanctions$/,
      answer: (call) => rulings.sanctions(pageAsked(call)),
    },
    {
      method: 'POST',
      path: /^sanctions$/,
      deed({ body }) {
        const wish = parseSanctionWish(body)
        if (!wish.ok) return wish
        return ok({ action: 'sanction-made', subject: wish.value.subject, act: () => rulings.sanction(wish.value) })
      },
    },
    {
      method: 'GET',
      path: /^announcements$/,
      async answer() {
        const kept = await rulings.kept()
        return kept.ok ? ok({ announcements: kept.value }) : kept
      },
    },
    {
      method: 'POST',
      path: /^announcements$/,
      deed({ body }) {
        const wish = parseAnnouncementWish(body)
        if (!wish.ok) return wish
        return ok({ action: 'announcement-made', subject: wish.value.level, act: () => rulings.announce(wish.value) })
      },
    },
    ending('sanctions', 'lift', 'sanction-lifted', (id) => rulings.lift(id)),
    ending('announcements', 'end', 'announcement-ended', (id) => rulings.end(id)),
  ]
}

function ending(
  what: string,
  verb: string,
  action: OperatorAction,
  end: (id: string) => Promise<Result<boolean>>,
): OperatorEndpoint {
  return {
    method: 'POST',
    path: new RegExp(`^${what}/${ID}/${verb}$`),
    deed({ names: [id = ''] }) {
      const act = async () => {
        const ended = await end(id)
        if (!ended.ok) return ended
        return ended.value ? ok({ id }) : fail('ruling-unknown', '')
      }
      return ok({ action, subject: id, act })
    },
  }
}

/**
 * The one web type that pure contracts name: they pass it on and may ask whether it fired, no more. Only the checks of
 * `wire/` and `rules/` see this file (they have no DOM types); everywhere else the platform's own type is used.
 */
interface AbortSignal {
  readonly aborted: boolean
}

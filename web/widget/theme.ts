/**
 * The page's look on the frame: its colours, corners and language. Colours that would make words hard to read are left out, so that
 * no page can hide what its visitor agrees to. Touches the root element only.
 */
import type { EmbedSettings, EmbedTheme } from '../wire/embed-words.ts'

/** WCAG: of text, and of the parts of controls. */
const TEXT_CONTRAST_MIN = 4.5
const PART_CONTRAST_MIN = 3
/** The app's own surfaces, light and dark, as `tokens.css` has them. */
const OWN = { light: { surface: '#f9f6f0', ink: '#1a2130' }, dark: { surface: '#14152a', ink: '#ecebe8' } } as const
const PROPERTIES = {
  'accent': ['--accent'],
  'on-accent': ['--on-accent'],
  'surface': ['--surface'],
  'ink': ['--ink'],
  'radius': ['--radius-large'],
  'font': [],
} as const

/** Of one colour: its relative luminance; null for what no browser draws, or what shines through. */
export type Luminance = (colour: string) => number | null

export function applySettings({ look, language, theme }: EmbedSettings, root: HTMLElement): void {
  const systemDark = matchMedia('(prefers-color-scheme: dark)').matches
  const wished = look === 'system' ? (systemDark ? 'dark' : 'light') : look
  const { read, scheme } = readable(asDrawn(theme), wished, luminanceOf)
  root.lang = language
  if (scheme === wished && look === 'system') delete root.dataset['theme']
  else root.dataset['theme'] = scheme
  for (const [name, properties] of Object.entries(PROPERTIES)) {
    const value = read[name as keyof EmbedTheme]
    for (const property of properties) {
      if (value === undefined) root.style.removeProperty(property)
      else root.style.setProperty(property, value)
    }
  }
  root.toggleAttribute('data-themed', read.surface !== undefined)
  root.toggleAttribute('data-accented', read.accent !== undefined && read['on-accent'] === undefined)
}

/**
 * Colours as numbers, as they are measured: what a name comes to may depend on where it stands (`currentcolor`, `inherit`, those of the
 * system).
 */
function asDrawn(theme: EmbedTheme): EmbedTheme {
  const colours = ['surface', 'ink', 'accent', 'on-accent'] as const
  const drawn = colours.flatMap((name) => {
    const rgb = theme[name] === undefined ? null : drawnAs(theme[name])
    return rgb === null ? [] : [[name, `rgb(${rgb.join(' ')})`] as const]
  })
  const { surface: _, ink: __, accent: ___, 'on-accent': ____, ...rest } = theme
  return { ...rest, ...Object.fromEntries(drawn) }
}

/** What of a theme can be read, and which of the two schemes the rest of the colours is of. */
export function readable(
  theme: EmbedTheme,
  wished: 'light' | 'dark',
  luminance: Luminance,
): { readonly read: EmbedTheme; readonly scheme: 'light' | 'dark' } {
  const { surface, ink, accent, 'on-accent': onAccent, ...rest } = theme
  const contrast = (a: string, b: string) => {
    const [x, y] = [luminance(a), luminance(b)]
    return x === null || y === null ? 0 : (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
  }
  const light = (surface === undefined ? null : luminance(surface)) ?? (wished === 'light' ? 1 : 0)
  const scheme = light > 0.18 ? 'light' : 'dark'
  const ground = { surface: surface ?? OWN[scheme].surface, ink: ink ?? OWN[scheme].ink }
  const grounded = contrast(ground.surface, ground.ink) >= TEXT_CONTRAST_MIN
  const under = grounded ? ground.surface : OWN[wished].surface
  const accented = accent !== undefined && contrast(accent, under) >= PART_CONTRAST_MIN
  const onto = onAccent !== undefined && accented && contrast(onAccent, accent) >= TEXT_CONTRAST_MIN
  const themed = grounded && (surface !== undefined || ink !== undefined)
  return {
    read: {
      ...rest,
      ...(themed ? ground : {}),
      ...(accented ? { accent } : {}),
      ...(onto ? { 'on-accent': onAccent } : {}),
    },
    scheme: grounded ? scheme : wished,
  }
}

/** Red, green and blue of 0 to 255, as the browser draws it; null for what it does not draw, or what shines through. */
function drawnAs(colour: string): readonly [number, number, number] | null {
  if (!CSS.supports('color', colour)) return null
  const context = new OffscreenCanvas(1, 1).getContext('2d')
  if (!context) return null
  context.fillStyle = colour
  context.fillRect(0, 0, 1, 1)
  const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data
  return alpha < 255 ? null : [red, green, blue]
}

function luminanceOf(colour: string): number | null {
  const drawn = drawnAs(colour)
  if (drawn === null) return null
  const [r, g, b] = drawn.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

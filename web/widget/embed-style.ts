/**
 * The style of the launcher and of the panel around the frame. A sheet of the shadow root's own: no rule of the page reaches in, none
 * leaks out, and a page that forbids inline styles has it all the same. Fixed: nothing of the page moves. Colours are those
 * of the app's `tokens.css`, which a page may replace by `--weft-…`.
 */
export const EMBED_STYLE = `
:host {
  --accent: var(--weft-accent, light-dark(oklch(0.44 0.16 275), oklch(0.77 0.11 278)));
  /* Light on what is dark and dark on what is light: also on a colour that only the page knows. */
  --on-accent: var(--weft-on-accent, oklch(from var(--accent) clamp(0.15, (0.64 - l) * 1000, 0.985) 0 0));
  --surface: var(--weft-surface, light-dark(oklch(0.974 0.009 85), oklch(0.205 0.033 278)));
  --ink: var(--weft-ink, light-dark(oklch(0.24 0.035 268), oklch(0.935 0.012 85)));
  --radius: var(--weft-radius, 12px);
  --gap: max(16px, env(safe-area-inset-right));
  all: initial;
  position: fixed;
  inset: auto var(--gap) max(16px, env(safe-area-inset-bottom)) auto;
  z-index: 2147483000;
  color-scheme: light dark;
  font: 500 1rem/1.4 var(--weft-font, system-ui, sans-serif);
}
:host([hidden]) { display: none; }
:host([look="light"]) { color-scheme: light; }
:host([look="dark"]) { color-scheme: dark; }
:host([side="left"]) { inset-inline: var(--gap) auto; }
button {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 48px;
  margin: 0;
  padding: 0 20px 0 16px;
  border: 0;
  border-radius: 24px;
  font: inherit;
  color: var(--on-accent);
  background: var(--accent);
  box-shadow: 0 1px 2px oklch(0 0 0 / 0.2), 0 4px 16px oklch(0 0 0 / 0.16);
  cursor: pointer;
}
.exit { display: none; }
button:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 3px;
}
svg { width: 20px; height: 20px; }
.panel {
  position: absolute;
  inset: auto 0 calc(100% + 12px) auto;
  width: min(400px, calc(100vw - 2 * var(--gap)));
  height: min(640px, calc(100dvh - 104px));
  overflow: hidden;
  border: 1px solid light-dark(oklch(0.88 0.014 85), oklch(0.33 0.035 278));
  border-radius: var(--radius);
  background: var(--surface);
  box-shadow: 0 2px 6px oklch(0 0 0 / 0.12), 0 12px 40px oklch(0 0 0 / 0.2);
}
.panel[hidden] { display: none; }
:host([side="left"]) .panel { inset-inline: 0 auto; }
.word {
  position: absolute;
  inset: 0;
  display: grid;
  place-content: center;
  margin: 0;
  padding: 24px;
  color: var(--ink);
  text-align: center;
  text-wrap: balance;
}
iframe {
  position: relative;
  display: block;
  width: 100%;
  height: 100%;
  border: 0;
  color-scheme: normal;
}
@media (max-width: 480px) {
  .panel {
    position: fixed;
    inset: 0;
    width: auto;
    height: auto;
    border: 0;
    border-radius: 0;
  }
  .exit:not([hidden]) {
    display: block;
    position: absolute;
    inset: 8px 8px auto auto;
    z-index: 1;
    min-width: 48px;
    padding: 0;
    color: var(--ink);
    background: none;
    box-shadow: none;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: rise 160ms ease-out; }
  @keyframes rise { from { opacity: 0; translate: 0 8px; } }
}
`

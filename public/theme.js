// A theme that a person picked holds from the first frame on. Runs before the page is drawn; the rest is in the app.
try {
  const { theme } = JSON.parse(localStorage.getItem('weft-preferences') ?? '{}')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Refused or damaged: the system's theme.
}

/**
 * The import rules of docs/ARCHITECTURE.md, one rule each with its reason. `npm run check` runs them. A rule that gets
 * in the way is a question about the tree, not about the rule.
 */

/** What one-layer-up code may share with its neighbours: nothing but these. */
const shared = '^web/(wire|rules)/'

/** App, what it shows, and the parts of it that have a name of their own. */
const door = [
  '^web/app\\.ts$',
  '^web/app-view\\.ts$',
  '^web/app-mesh-view\\.ts$',
  '^web/app-conversations(-view)?\\.ts$',
  '^web/app-wallet-view\\.ts$',
]

const room = (name, allowed, comment) => ({
  name: `${name}-stays-in-its-room`,
  severity: 'error',
  comment,
  from: { path: `^web/${name}/` },
  to: { path: '^(web|signal|test)/', pathNot: [`^web/${name}/`, shared, ...allowed.map((other) => `^web/${other}/`)] },
})

module.exports = {
  forbidden: [
    {
      name: 'server-runs-without-the-build',
      severity: 'error',
      comment: 'What the server loads at run time is in `dependencies`: a container keeps nothing else.',
      from: { path: '^(signal|web/wire|web/rules)/', pathNot: '^signal/dev\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two files that import each other are one file, or hide a third.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      comment: 'An import that leads nowhere breaks a build that nobody runs often.',
      from: {},
      to: { couldNotResolve: true, pathNot: '\\.wgsl' },
    },
    {
      name: 'wire-imports-nothing',
      severity: 'error',
      comment: 'wire/ says what bytes mean, to both sides: it may depend on nobody.',
      from: { path: '^web/wire/' },
      to: { pathNot: '^web/wire/' },
    },
    {
      name: 'rules-import-only-wire',
      severity: 'error',
      comment: 'rules/ is pure: hashes, signatures, time and storage are passed in as functions.',
      from: { path: '^web/rules/' },
      to: { pathNot: '^web/(wire|rules)/' },
    },
    room('weights', [], 'L1 folders meet in main.ts as arguments, not by imports.'),
    room('tokens', [], 'L1 folders meet in main.ts as arguments, not by imports.'),
    room('mesh', [], 'L1 folders meet in main.ts as arguments, not by imports.'),
    room('store', [], 'L1 folders meet in main.ts as arguments, not by imports.'),
    room('account', [], 'L1 folders meet in main.ts as arguments, not by imports.'),
    room('engine', ['weights', 'tokens'], 'An engine reads weights and tokens; nothing else beside it.'),
    room('webllm', ['weights', 'tokens'], 'An engine reads weights and tokens; nothing else beside it.'),
    room('cpu', ['weights', 'tokens'], 'An engine reads weights and tokens; nothing else beside it.'),
    room(
      'schedule',
      ['weights', 'tokens', 'engine', 'webllm', 'cpu', 'mesh', 'account'],
      'schedule/ (L2) stands on L1 and knows neither App nor UI.',
    ),
    {
      name: 'ui-talks-to-app-only',
      severity: 'error',
      comment:
        'App is the one door: what the UI can do, the SDK and the widget can do. wire/ types may pass through it.',
      from: { path: '^web/ui/', pathNot: '^web/ui/tools/' },
      to: { path: '^(web|signal|test)/', pathNot: ['^web/ui/', ...door, '^web/wire/'] },
    },
    {
      name: 'tools-stand-on-the-sdk',
      severity: 'error',
      comment:
        'The Tools screen shows what a script could do: it asks by the helpers of the SDK, and by nothing below.',
      from: { path: '^web/ui/tools/' },
      to: { path: '^(web|signal|test)/', pathNot: ['^web/ui/', '^web/sdk/', ...door, '^web/wire/'] },
    },
    {
      name: 'widget-talks-to-app-only',
      severity: 'error',
      comment: 'The widget is another face of App; it shares components with ui/.',
      from: { path: '^web/widget/' },
      to: { path: '^(web|signal|test)/', pathNot: ['^web/(widget|ui|wire|rules)/', ...door] },
    },
    {
      name: 'admin-knows-no-app',
      severity: 'error',
      comment: "The operator's page shares looks and words with ui/, and has no App, no engine and no mesh.",
      from: { path: '^web/admin(/|-main\\.ts$)' },
      to: {
        path: '^(web|signal|test)/',
        pathNot: [shared, '^web/admin/', '^web/ui/(parts/|credits/DayBars\\.svelte$|Mark\\.svelte$|format\\.ts$)'],
      },
    },
    {
      name: 'sdk-stands-on-app',
      severity: 'error',
      comment: 'The SDK is another face of App: it brings no engine, no store and no mesh of its own.',
      from: { path: '^web/sdk/' },
      to: { path: '^(web|signal|test)/', pathNot: [shared, '^web/sdk/', '^web/openai', '^web/app', ...door] },
    },
    {
      name: 'nothing-imports-main',
      severity: 'error',
      comment: 'main.ts is the composition root: it wires everything, nothing needs it.',
      from: {},
      to: { path: '^web/main\\.ts$' },
    },
    {
      name: 'app-knows-no-ui',
      severity: 'error',
      comment: 'The door does not know who comes through it.',
      from: { path: '^web/app\\.ts$' },
      to: { path: '^web/(ui|widget)/' },
    },
    {
      name: 'web-never-imports-signal',
      severity: 'error',
      comment: 'Everything in web/ ships to strangers: no secret, no server code.',
      from: { path: '^web/' },
      to: { path: '^signal/' },
    },
    {
      name: 'web-uses-no-node',
      severity: 'error',
      comment: 'A browser has no node: modules; a bundler would hide that until the page runs.',
      from: { path: '^web/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'signal-shares-wire-and-rules-only',
      severity: 'error',
      comment: 'The server may know what bytes mean and what is right, nothing else of the browser.',
      from: { path: '^signal/' },
      to: { path: '^web/', pathNot: shared },
    },
    {
      name: 'product-never-imports-tests',
      severity: 'error',
      comment: 'Fakes and fixtures stay in test/.',
      from: { path: '^(web|signal)/' },
      to: { path: '^test/' },
    },
    {
      name: 'simple-peer-in-one-file',
      severity: 'error',
      comment: 'mesh/link.ts is the contract; one file knows the library behind it.',
      from: { pathNot: '^web/mesh/link-webrtc\\.ts$' },
      to: { path: 'node_modules/simple-peer' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.(css|wgsl|json|svg|woff2)(\\?|$)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'browser', 'svelte', 'types', 'default'],
    },
  },
}

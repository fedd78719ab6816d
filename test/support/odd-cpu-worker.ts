/** The CPU engine's worker in an odd browser. The import order matters: what is missing must be missing when it starts. */
import './odd-browser.ts'
import '../../web/cpu/worker.ts'

/**
 * Our server as a process of its own, whose log a test reads as a person would: settings are the first argument, as JSON;
 * its address is the first line of its output; its log goes to the error output, as `WEFT_LOG_LEVEL` says. Ends as `npm start` does.
 */
import { type Config, readLogSettings } from '../../signal/config.ts'
import { endOnSignals } from '../../signal/end-on-signals.ts'
import { openLog } from '../../signal/log/log.ts'
import { startServer } from '../../signal/server.ts'

const settings = readLogSettings(false, { WEFT_LOG_LEVEL: 'error', ...process.env })
if (!settings.ok) throw new Error(settings.detail)
const log = openLog(settings.value.level, 2)
const server = await startServer(JSON.parse(process.argv[2] ?? '') as Config, { log })
console.log(server.url)
endOnSignals(server, log)

/**
 * Our server as a process of its own, whose log a test reads as a person would: settings are the first argument, as JSON;
 * its address is the first line. Ends with SIGTERM.
 */
import type { Config } from '../../signal/config.ts'
import { startServer } from '../../signal/server.ts'

const server = await startServer(JSON.parse(process.argv[2] ?? '') as Config)
console.log(server.url)
process.on('SIGTERM', () => void server.close())

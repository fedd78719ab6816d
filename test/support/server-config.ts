/** The settings of a server for tests and benches: this machine only, a free port, a ledger in memory, no model of its own accord. */
import { type Config, PARTNER_RATES, RATES } from '../../signal/config.ts'

/** `dataDir` holds the app too where `more` names no other folder for it. */
export function serverConfig(dataDir: string, more: Partial<Config> = {}): Config {
  return {
    port: 0,
    host: '127.0.0.1',
    dataDir,
    appDir: dataDir,
    allowSoftwareAdapter: true,
    addDefault: false,
    ice: { stunUrl: null, turn: null },
    ledger: { kind: 'memory' },
    redisUrl: null,
    proxies: 0,
    operatorToken: null,
    rates: RATES,
    partnerRates: PARTNER_RATES,
    drainMs: 0,
    ...more,
  }
}

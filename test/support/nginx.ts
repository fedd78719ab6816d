/** Debian's nginx on this machine's loopback, with a site of ours and a certificate that is made for it. Ended by `close`. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianBinary, freePort, listening } from './debian-service.ts'

export interface Nginx {
  /** `https://localhost:<port>`. */
  readonly url: string
  /** Without TLS. */
  readonly plainUrl: string
  /** What its certificate is believed by. */
  readonly authority: string
  close(): Promise<void>
}

/** `site`: a file as for `sites-enabled`, for the host `weft.example` and a server at port 8790. */
export async function startNginx(site: string, serverPort: number): Promise<Nginx> {
  const binary = debianBinary(['/usr/sbin/nginx'], 'nginx')
  const openssl = debianBinary(['/usr/bin/openssl'], 'openssl')
  const folder = await mkdtemp(join(tmpdir(), 'weft-nginx-'))
  const [plain, secure] = [await freePort(), await freePort()]
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  spawnSync(openssl, [...made, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const own = (await readFile(site, 'utf8'))
    .replace(/^\s*listen \[::\].*\n/gm, '')
    .replace('listen 80;', `listen 127.0.0.1:${plain};`)
    .replace('listen 443 ', `listen 127.0.0.1:${secure} `)
    .replace('127.0.0.1:8790', `127.0.0.1:${serverPort}`)
    .replaceAll('weft.example', 'localhost')
    .replace(/\/etc\/letsencrypt\S+fullchain\.pem/, certificate)
    .replace(/\/etc\/letsencrypt\S+privkey\.pem/, key)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  )
  const whole = `daemon off; pid ${join(folder, 'pid')}; events {} http { access_log off; ${temporary.join(' ')}\n${own}\n}`
  await writeFile(join(folder, 'nginx.conf'), whole)
  const errors = join(folder, 'error.log')
  const child = spawn(binary, ['-c', join(folder, 'nginx.conf'), '-e', errors], { stdio: 'ignore' })
  await listening(child, secure, 'nginx').catch(async (error: unknown) => {
    throw new Error(`${String(error)}: ${await readFile(errors, 'utf8').catch(() => '')}`)
  })
  return {
    url: `https://localhost:${secure}`,
    plainUrl: `http://127.0.0.1:${plain}`,
    authority: await readFile(certificate, 'utf8'),
    async close() {
      const ended = new Promise((done) => child.once('exit', done))
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

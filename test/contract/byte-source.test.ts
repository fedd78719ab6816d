/** The `ByteSource` suite on every implementation that runs in Node. OPFS itself: `test/e2e/weights.test.ts`. */
import { afterAll, beforeAll } from 'vitest'
import { blobSource } from '../../web/weights/blob-source.ts'
import { CachedSource } from '../../web/weights/cached-source.ts'
import { blobOrigin, mirrorOrigin } from '../../web/weights/chunk-origin.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { MemoryChunkCache } from '../support/memory-chunk-cache.ts'
import { MemorySource } from '../support/memory-source.ts'
import { type MirrorModel, mirrorModel } from '../support/mirror-model.ts'
import { ModelServer } from '../support/model-server.ts'
import { byteSourceSuite } from './byte-source.suite.ts'

let model: MirrorModel
let server: ModelServer
const cache = new MemoryChunkCache()

beforeAll(async () => {
  model = await mirrorModel()
  server = new ModelServer(model)
  await server.start()
})
afterAll(() => server.stop())

const mirror = () => mirrorOrigin(server.fileUrl)
byteSourceSuite(
  'memory',
  () => model,
  () => new MemorySource(model.file),
)
byteSourceSuite(
  'opened file',
  () => model,
  () => blobSource(new Blob([model.file])),
)
byteSourceSuite(
  'opened file through the cache',
  () => model,
  () => {
    return new CachedSource(model.manifest, blobOrigin(new Blob([model.file])), ok(new MemoryChunkCache()))
  },
)
byteSourceSuite(
  'mirror, cache kept between opens',
  () => model,
  () => new CachedSource(model.manifest, mirror(), ok(cache)),
)
byteSourceSuite(
  'mirror without storage',
  () => model,
  () => {
    return new CachedSource(model.manifest, mirror(), fail('storage-denied', 'test'))
  },
)

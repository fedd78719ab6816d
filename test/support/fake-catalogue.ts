/** The one fake catalogue: the mirror's list and the server's settings as plain fields that a test sets. Counts looks. */
import type { Catalogue } from '../../web/app-shelf.ts'
import type { PageConfig } from '../../web/wire/mirror.ts'
import type { MirrorIndex } from '../../web/wire/model.ts'
import { ok, type Result } from '../../web/wire/result.ts'

export const EMPTY_MIRROR: MirrorIndex = { models: [], adding: [], failed: [], defaultId: null }

export class FakeCatalogue implements Catalogue {
  mirror: Result<MirrorIndex> = ok(EMPTY_MIRROR)
  settings: Result<PageConfig> = ok({ allowSoftwareAdapter: false })
  looks = 0

  async index(): Promise<Result<MirrorIndex>> {
    this.looks += 1
    return this.mirror
  }

  async config(): Promise<Result<PageConfig>> {
    return this.settings
  }
}

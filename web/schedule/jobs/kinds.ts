/** The kinds of jobs that there are: a new one is one file in `kinds/` and one line here. */
import type { JobKind } from '../../wire/jobs.ts'
import type { JobKindRules } from './job-work.ts'
import { CHAT } from './kinds/chat.ts'
import { COMPLETION } from './kinds/completion.ts'
import { EMBEDDING } from './kinds/embedding.ts'

export const KINDS: Readonly<Record<JobKind, JobKindRules>> = {
  chat: CHAT,
  completion: COMPLETION,
  embedding: EMBEDDING,
}

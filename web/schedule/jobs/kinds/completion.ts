/** A text after which the model writes on, as a job: a chat whose one message is that text, with no template around it. */
import { readChatJob } from '../../../wire/job-parts.ts'
import { fail, ok } from '../../../wire/result.ts'
import type { JobKindRules } from '../job-work.ts'
import { ChatWork } from './chat.ts'

export const COMPLETION: JobKindRules = {
  read(text) {
    const request = readChatJob(text)
    if (!request.ok) return request
    if (!request.value.raw) return fail('frame-invalid', 'A completion has a raw text.')
    return ok(new ChatWork(request.value, 'completion'))
  },
}

/** How a token is drawn, read from outside: the fields that every wire and file has alike. The seed is read by each its own way. */
import type { Sampling } from './chat.ts'
import type { FieldReader, Fields } from './fields.ts'
import { VOCABULARY_MAX } from './limits/models.ts'

export function samplingWithoutSeed(
  { number, whole }: Pick<FieldReader, 'number' | 'whole'>,
  fields: Fields,
  temperatureMax: number,
): Omit<Sampling, 'seed'> {
  return {
    temperature: number(fields, 'temperature', 0, temperatureMax),
    topK: whole(fields, 'topK', VOCABULARY_MAX),
    topP: number(fields, 'topP', 0, 1),
    minP: number(fields, 'minP', 0, 1),
    repetitionPenalty: number(fields, 'repetitionPenalty', 0.1, 10),
  }
}

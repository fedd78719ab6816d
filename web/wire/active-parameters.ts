/**
 * The one rule for how many parameters of a model one token runs through: it is what work by the model is paid by. All of them are,
 * but of a mixture of experts only those experts that a token is sent to. Pure.
 */
import type { Directory } from './gguf-header.ts'

/** Of a model as a tab or the server knows it. */
export interface CountedModel {
  /** All; 0 where it is not known. */
  readonly parameters: number
  /** There only where they are fewer. */
  readonly activeParameters?: number
}

/** A model as a ticket's price goes by it. `activeParameters`: 0 where it is not known. */
export interface PricedModel {
  readonly id: string
  readonly layers: number
  readonly activeParameters: number
}

const MERGED_EXPERTS = /\.ffn_(gate|up|down|gate_up)_exps\./
const SINGLE_EXPERT = /\.ffn_(gate|up|down)\.\d+\./

/** 0 where it is not known. */
export function activeParametersOf({ parameters, activeParameters = parameters }: CountedModel): number {
  return activeParameters
}

/** By a GGUF directory. `activeParameters` is there only for a mixture of experts that says how many of them a token is sent to. */
export function countParameters({ metadata, tensors }: Pick<Directory, 'metadata' | 'tensors'>): CountedModel {
  const architecture = String(metadata['general.architecture'])
  const countOf = (field: string) => Number(metadata[`${architecture}.${field}`] ?? 0)
  const [experts, used] = [countOf('expert_count'), countOf('expert_used_count')]
  let [parameters, ofExperts] = [0, 0]
  for (const { name, shape } of tensors) {
    const size = shape.reduce((product, one) => product * one, 1)
    parameters += size
    if (MERGED_EXPERTS.test(name) || SINGLE_EXPERT.test(name)) ofExperts += size
  }
  const isMixture = Number.isSafeInteger(experts) && Number.isSafeInteger(used) && used > 0 && used < experts
  if (!isMixture || ofExperts === 0) return { parameters }
  return { parameters, activeParameters: parameters - ofExperts + Math.ceil((ofExperts * used) / experts) }
}

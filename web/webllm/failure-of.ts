/**
 * What WebLLM, its runtime and the browser throw, in our codes. By the names of WebLLM's error classes (it exports none
 * of them), by the words of its runtime where an error has no class, and by how far the work had come. Pure.
 */
import type { Code } from '../wire/codes.ts'
import { type Failure, FailureError, fail } from '../wire/result.ts'
import type { GpuWatch } from './gpu-watch.ts'

/**
 * How far it had come. `library`: the compiled library was handed over. `weights`: it was started, files follow.
 * `pipeline`: all files are there. `answer`: the model is loaded.
 */
export type WebLlmStep = 'settings' | 'library' | 'weights' | 'pipeline' | 'answer'

/** `name` of the errors of @mlc-ai/web-llm 0.2.86; a test compares them with the installed package. */
export const BY_NAME: Readonly<Record<string, Code>> = {
  ShaderF16SupportError: 'feature-missing',
  FeatureSupportError: 'feature-missing',
  WebGPUNotAvailableError: 'no-webgpu',
  WebGPUNotFoundError: 'no-webgpu',
  DeviceLostError: 'device-lost',
  MissingModelError: 'library-missing',
  ModelNotFoundError: 'model-unknown',
  ModelNotLoadedError: 'not-loaded',
  SpecifiedModelNotFoundError: 'not-loaded',
  ContextWindowSizeExceededError: 'context-full',
  EmbeddingExceedContextWindowSizeError: 'context-full',
  EmbeddingUnsupportedModelError: 'embeddings-unsupported',
  EmbeddingInputEmptyError: 'request-invalid',
  MessageOrderError: 'request-invalid',
  SystemMessageOrderError: 'request-invalid',
  ContentTypeError: 'request-invalid',
  UnsupportedRoleError: 'request-invalid',
  RangeError: 'request-invalid',
  MinValueError: 'request-invalid',
  NonNegativeError: 'request-invalid',
  SeedTypeError: 'request-invalid',
  IncorrectPipelineLoadedError: 'engine-mismatch',
  UnsupportedTokenizerFilesError: 'tokenizer-unsupported',
  ArtifactManifestError: 'manifest-invalid',
  WindowSizeConfigurationError: 'manifest-invalid',
  WindowSizeSpecificationError: 'manifest-invalid',
  AttentionSinkSizeError: 'manifest-invalid',
  EmbeddingSlidingWindowError: 'manifest-invalid',
  EmbeddingChunkingUnsupportedError: 'manifest-invalid',
}

/** First match wins. Memory goes before all else: the rest are ways in which a lack of it shows. */
const BY_WORDS: readonly (readonly [RegExp, Code])[] = [
  [/GPUOutOfMemoryError|out of memory.*(gpu|buffer)|(gpu|buffer).*out of memory/i, 'gpu-memory'],
  [
    /could not allocate memory|array buffer allocation failed|invalid (typed )?array length|out of memory/i,
    'memory-full',
  ],
  [/unable to find a compatible gpu/i, 'no-adapter'],
  [/cannot initialize runtime because of requested/i, 'gpu-too-small'],
  [/device (was|is) lost|lost device|device.*destroyed|instance dropped/i, 'device-lost'],
]

/** What a library says that was compiled for another runtime, or for other weights. */
const OTHER_LIBRARY =
  /cannot find (global )?function|cannot find parameter|\babi\b|is not a function|undefined symbol|vm\.|ffi|getfunction/i

function wordsOf(error: unknown, heard: string | null): { name: string; message: string } {
  if (error instanceof Error || error instanceof DOMException) return { name: error.name, message: error.message }
  // An exception of C++ passes as an object without words; its reason was written to the console.
  return { name: '', message: typeof error === 'string' ? error : (heard ?? 'It ended without a reason.') }
}

function isWasmError(error: unknown): boolean {
  return error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError
}

function codeOf(error: unknown, step: WebLlmStep, heard: string | null): Code {
  const { name, message } = wordsOf(error, heard)
  for (const [words, code] of BY_WORDS) if (words.test(message) || words.test(name)) return code
  if (isWasmError(error)) return 'library-mismatch'
  // JavaScript has a RangeError too: WebLLM's names a field that was asked for, which only an answer does.
  const named = name === 'RangeError' && step !== 'answer' ? undefined : BY_NAME[name]
  if (named) return named
  if (step === 'library') return 'library-mismatch'
  if (step === 'settings') return 'manifest-invalid'
  if (step !== 'answer' && OTHER_LIBRARY.test(message)) return 'library-mismatch'
  return 'engine-failed'
}

/** Long stacks and lists of model names help nobody. */
const DETAIL_CHARACTERS_MAX = 300

/** `heard`: the last reason that was written to the console. */
export function failureOf(error: unknown, step: WebLlmStep, gpu: GpuWatch, heard: string | null = null): Failure {
  if (error instanceof FailureError) return error.failure
  if (gpu.outOfMemory !== null) return fail('gpu-memory', gpu.outOfMemory)
  if (gpu.lost !== null) return fail('device-lost', gpu.lost)
  const { message } = wordsOf(error, heard)
  return fail(codeOf(error, step, heard), message.split('\n')[0]?.slice(0, DETAIL_CHARACTERS_MAX) ?? '')
}

/**
 * The directory of a GGUF file: metadata and where each tensor lies. The type and its parser live in `wire/`, because the
 * mirror reads the same headers; `gguf.ts` reads one from a `ByteSource`.
 */
export type { MetadataValue } from '../wire/gguf-cursor.ts'
export type { Directory } from '../wire/gguf-header.ts'

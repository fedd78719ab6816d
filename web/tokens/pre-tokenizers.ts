/**
 * How a byte-level vocabulary cuts text into words before merging: one list of expressions for each
 * `tokenizer.ggml.pre` that Weft knows, applied one after the other, as llama.cpp does. A wrong cut gives wrong ids
 * without any error, so nothing is guessed: an unknown name is refused by the caller.
 *
 * Letters, numbers and punctuation are those of Unicode 15.1, which llama.cpp's tables hold: a browser with newer
 * tables must not cut differently from one with older ones.
 */

/** Letters, numbers and punctuation that Unicode 16 and 17 added. Extend when a browser ships the next version. */
const NEW_LETTERS =
  '\\u088f\\u0c5c\\u0cdc\\u1c89-\\u1c8a\\ua7cb-\\ua7cf\\ua7d2\\ua7d4\\ua7da-\\ua7dc\\ua7f1\\u{105c0}-\\u{105f3}\\u{10940}-\\u{10959}\\u{10d4a}-\\u{10d65}' +
  '\\u{10d6f}-\\u{10d85}\\u{10ec2}-\\u{10ec7}\\u{11380}-\\u{11389}\\u{1138b}\\u{1138e}\\u{11390}-\\u{113b5}\\u{113b7}\\u{113d1}\\u{113d3}\\u{11bc0}-\\u{11be0}' +
  '\\u{11db0}-\\u{11ddb}\\u{13460}-\\u{143fa}\\u{16100}-\\u{1611d}\\u{16d40}-\\u{16d6c}\\u{16ea0}-\\u{16eb8}\\u{16ebb}-\\u{16ed3}\\u{16ff2}-\\u{16ff3}' +
  '\\u{187f8}-\\u{187ff}\\u{18cff}\\u{18d09}-\\u{18d1e}\\u{18d80}-\\u{18df2}\\u{1e5d0}-\\u{1e5ed}\\u{1e5f0}\\u{1e6c0}-\\u{1e6de}\\u{1e6e0}-\\u{1e6e2}' +
  '\\u{1e6e4}-\\u{1e6e5}\\u{1e6e7}-\\u{1e6ed}\\u{1e6f0}-\\u{1e6f4}\\u{1e6fe}-\\u{1e6ff}\\u{2b73a}-\\u{2b73f}\\u{2cea2}-\\u{2cead}\\u{323b0}-\\u{33479}'
const NEW_NUMBERS =
  '\\u{10d40}-\\u{10d49}\\u{116d0}-\\u{116e3}\\u{11bf0}-\\u{11bf9}\\u{11de0}-\\u{11de9}\\u{16130}-\\u{16139}\\u{16d70}-\\u{16d79}\\u{16ff4}-\\u{16ff6}' +
  '\\u{1ccf0}-\\u{1ccf9}\\u{1e5f1}-\\u{1e5fa}'
const NEW_PUNCTUATION =
  '\\u1b4e-\\u1b4f\\u1b7f\\u{10d6e}\\u{10ed0}\\u{113d4}-\\u{113d5}\\u{113d7}-\\u{113d8}\\u{11be1}\\u{16d6d}-\\u{16d6f}\\u{1e5ff}'

const NEW = NEW_LETTERS + NEW_NUMBERS
/** CJK Extension I came with 15.1; a browser on 15.0 does not know it. */
const LETTERS = '\\p{L}\\u{2ebf0}-\\u{2ee5d}'
const SPACE = '\\p{White_Space}'
const LETTER = `(?:(?![${NEW_LETTERS}])[${LETTERS}])`
const NUMBER = `(?:(?![${NEW_NUMBERS}])\\p{N})`
/** Neither space nor letter nor number. */
const SIGN = `(?:[^${SPACE}${LETTERS}\\p{N}]|[${NEW}])`
/** What may lead a word in the newer vocabularies: anything but a line end, a letter or a number. */
const LEAD = `(?:[^\\r\\n${LETTERS}\\p{N}]|[${NEW}])`
const SPACES = `${SPACE}+(?!\\P{White_Space})|${SPACE}+`

const GPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?${LETTER}+| ?${NUMBER}+| ?${SIGN}+|${SPACES}`
/** Upper case spelt out: the `i` flag would also fold the long s of old print. */
const CONTRACTION = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
const modern = (digits: string) =>
  `(?:${CONTRACTION})|${LEAD}?${LETTER}+|${digits}| ?${SIGN}+[\\r\\n]*|${SPACE}*[\\r\\n]+|${SPACES}`

export interface PreTokenizer {
  readonly expressions: readonly string[]
  /** A word that is a token as a whole is not merged at all. */
  readonly ignoreMerges: boolean
  /** What `tokenizer.ggml.add_bos_token` is when the file does not say. */
  readonly addBos: boolean
}

const LLAMA3: PreTokenizer = { expressions: [modern(`${NUMBER}{1,3}`)], ignoreMerges: true, addBos: true }
const QWEN2: PreTokenizer = { expressions: [modern(NUMBER)], ignoreMerges: false, addBos: false }
const DEFAULT: PreTokenizer = {
  expressions: [`(?:(?![${NEW_PUNCTUATION}])[\\p{P}$+<=>^~|])+`, GPT2, `${NUMBER}+`, '[0-9][0-9][0-9]'],
  ignoreMerges: false,
  addBos: false,
}

export const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ['gpt-2', { expressions: [GPT2], ignoreMerges: false, addBos: false }],
  ['smollm', { expressions: [NUMBER, GPT2], ignoreMerges: false, addBos: false }],
  ['llama-bpe', LLAMA3],
  ['llama3', LLAMA3],
  ['llama-v3', LLAMA3],
  ['qwen2', QWEN2],
  ['deepseek-r1-qwen', QWEN2],
  ['default', DEFAULT],
])

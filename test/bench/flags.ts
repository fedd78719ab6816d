/**
 * Command lines of the benches: known flags only. Exit code 2 and the usage for anything else, 0 for `--help`.
 */
import { parseArgs } from 'node:util'

export type FlagSpec = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly words: string; readonly of?: readonly string[] }>
>

export class UsageError extends Error {}

export type Flags = Readonly<Record<string, string | boolean | undefined>>

export function usage(command: string, about: string, spec: FlagSpec): string {
  const lines = Object.entries(spec).map(([name, { type, words, of }]) => {
    const value = type === 'boolean' ? '' : ` <${of?.join('|') ?? 'N'}>`
    return `  --${`${name}${value}`.padEnd(38)} ${words}`
  })
  return `Usage: npm run ${command} -- [flags]\n${about}\n\n${lines.join('\n')}\n`
}

/** Throws `UsageError` on a flag or value that does not exist. */
export function readFlags(args: readonly string[], spec: FlagSpec): Flags {
  const options = Object.fromEntries(Object.entries(spec).map(([name, { type }]) => [name, { type }]))
  let values: Flags
  try {
    values = parseArgs({ args: [...args], options, strict: true }).values as Flags
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  for (const [name, { of }] of Object.entries(spec)) {
    const value = values[name]
    if (of && typeof value === 'string' && !of.includes(value))
      throw new UsageError(`--${name} is ${value}; it may be ${of.join(', ')}`)
  }
  return values
}

export function wholeNumber(flags: Flags, name: string, byDefault: number, max: number): number {
  const value = flags[name]
  if (value === undefined) return byDefault
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > max)
    throw new UsageError(`--${name} is ${String(value)}; it may be 1 to ${max}`)
  return number
}

export function positiveNumber(flags: Flags, name: string): number | null {
  const value = flags[name]
  if (value === undefined) return null
  const number = Number(value)
  if (!Number.isFinite(number) || number <= 0) throw new UsageError(`--${name} is ${String(value)}, no positive number`)
  return number
}

/** As `positiveNumber`, with the largest that makes sense. */
export function numberUpTo(flags: Flags, name: string, max: number): number | null {
  const number = positiveNumber(flags, name)
  if (number !== null && number > max) throw new UsageError(`--${name} is ${number}; it may be ${max} at most`)
  return number
}

/** One of the words that the spec allows. */
export function word<T extends string>(flags: Flags, name: string, words: readonly T[], byDefault: T): T {
  return words.find((candidate) => candidate === flags[name]) ?? byDefault
}

/**
 * Runs a command to its end: wrong usage is 2, a failure is 1. The explicit exit is for Node's `webgpu`, whose threads
 * outlive a dropped device.
 */
export async function runCommand(help: string, args: readonly string[], main: () => Promise<void>): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(help)
    return
  }
  try {
    await main()
  } catch (error) {
    const wrong = error instanceof UsageError
    process.stderr.write(wrong ? `${error.message}\n\n${help}` : `${error instanceof Error ? error.stack : error}\n`)
    process.exitCode = wrong ? 2 : 1
  }
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  process.exit()
}

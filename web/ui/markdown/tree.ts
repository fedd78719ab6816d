/**
 * What an answer is made of once its Markdown is read: few kinds, all of them plain data. There is no kind for HTML, for
 * a picture or for a style, so nothing of that sort can be drawn, whatever a model writes.
 */
export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'strong' | 'emphasis' | 'struck'; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  /** `address` is absolute and http, https or mailto. */
  | { readonly kind: 'link'; readonly address: string; readonly children: readonly Inline[] }
  | { readonly kind: 'break' }

export type Align = 'start' | 'center' | 'end'

export interface Item {
  /** null: not a task. */
  readonly done: boolean | null
  readonly blocks: readonly Block[]
}

export type Block =
  | { readonly kind: 'paragraph'; readonly children: readonly Inline[] }
  /** Levels begin at 3: an answer stands under an h2 of the page. */
  | { readonly kind: 'heading'; readonly level: 3 | 4 | 5 | 6; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'quote'; readonly blocks: readonly Block[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly start: number; readonly items: readonly Item[] }
  | {
      readonly kind: 'table'
      readonly aligns: readonly Align[]
      readonly header: readonly (readonly Inline[])[]
      readonly rows: readonly (readonly (readonly Inline[])[])[]
    }
  | { readonly kind: 'rule' }
  /** As it was written, line for line: what is too long or too deep to be read as Markdown. */
  | { readonly kind: 'plain'; readonly text: string }

/** The words without their form, a line for each block, row and item. */
export function plainText(blocks: readonly Block[]): string {
  return blocks.map(blockText).filter(Boolean).join('\n')
}

function inlineText(children: readonly Inline[]): string {
  return children
    .map((child) => {
      if (child.kind === 'break') return '\n'
      return 'text' in child ? child.text : inlineText(child.children)
    })
    .join('')
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
    case 'heading':
      return inlineText(block.children)
    case 'code':
    case 'plain':
      return block.text
    case 'quote':
      return plainText(block.blocks)
    case 'list':
      return block.items.map((item) => plainText(item.blocks)).join('\n')
    case 'table':
      return [block.header, ...block.rows].map((row) => row.map(inlineText).join(', ')).join('\n')
    case 'rule':
      return ''
    default:
      return block satisfies never
  }
}

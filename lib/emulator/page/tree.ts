/** Rows of an operation → callers before what they called, in the order of time. */
import { spanId } from '../span-id'
import type { Line } from './server'

export interface Step {
  line: Line
  depth: number
  /** How many steps stand below it, at any depth. */
  below: number
}

/** What names no caller that is here stands at the left. */
export function treeOf (lines: readonly Line[]): Step[] {
  const spans = new Map(lines.flatMap(line => line.id !== undefined && line.id !== '' ? [[spanId(line.id), line] as const] : []))
  const children = new Map<Line | undefined, Line[]>()
  for (const line of lines) {
    const named = line.operation_ParentId === undefined ? undefined : spans.get(spanId(line.operation_ParentId))
    const parent = named === line ? undefined : named
    const siblings = children.get(parent)
    if (siblings) siblings.push(line)
    else children.set(parent, [line])
  }
  const steps: Step[] = []
  const seen = new Set<Line>()
  const visit = (line: Line, depth: number): void => {
    // Two rows can name each other as parent: text from outside.
    if (seen.has(line)) return
    seen.add(line)
    const step = { line, depth, below: 0 }
    const at = steps.push(step)
    if (depth < 200) for (const child of children.get(line) ?? []) visit(child, depth + 1)
    step.below = steps.length - at
  }
  for (const line of children.get(undefined) ?? []) visit(line, 0)
  for (const line of lines) visit(line, 0)
  return steps
}

/** Leaves out what stands below a folded step, and what `wanted` refuses. */
export function visibleSteps (steps: readonly Step[], folded: ReadonlySet<number>, wanted: (line: Line) => boolean): Step[] {
  const shown: Step[] = []
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]
    if (wanted(step.line)) shown.push(step)
    if (folded.has(step.line.itemId)) at += step.below
  }
  return shown
}

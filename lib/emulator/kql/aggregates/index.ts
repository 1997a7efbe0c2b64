/** Aggregate functions by name. */
import { collecting } from './collections'
import { counting } from './counts'
import { choosing } from './choices'
import { percentiles } from './percentiles'
import { schemas } from './schema'
import { sketching } from './sketches'
import { totals } from './totals'
import type { AggregateFunction } from './define'

export const aggregates: Readonly<Record<string, AggregateFunction>> = { ...counting, ...totals, ...choosing, ...collecting, ...percentiles, ...schemas, ...sketching }

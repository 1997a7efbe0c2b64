/** Scalar functions by name. */
import { addresses } from './addresses'
import { arrays, arrayTuples } from './arrays'
import { bags } from './bags'
import { dates } from './dates'
import { encodings } from './encodings'
import { math } from './math'
import { patterns } from './patterns'
import { series, seriesTuples } from './series'
import { sizes } from './sizes'
import { sketches } from './sketches'
import { strings } from './strings'
import { texts } from './texts'
import { anything } from './values'
import type { ScalarFunction, TupleFunction } from '../expression'

export const functions: Readonly<Record<string, ScalarFunction>> = { ...anything, ...strings, ...encodings, ...patterns, ...math, ...dates, ...arrays, ...bags, ...addresses, ...texts, ...series, ...sizes, ...sketches }

export const tuples: Readonly<Record<string, TupleFunction>> = { ...seriesTuples, ...arrayTuples }

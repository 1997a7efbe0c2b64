/** Operators by syntax kind. */
import { mvApply, mvExpand } from './expand'
import { evaluatePlugin } from './plugins'
import { as, consume, count, distinct, filter, getSchema, pass, sample, sampleDistinct, take } from './filter'
import { invoke } from './invoke'
import { join, lookup } from './join'
import { makeSeries } from './makeseries'
import { parse, parseWhere } from './parse'
import { parseKv } from './parsekv'
import { partition } from './partition'
import { extend, project, projectAway, projectKeep, projectRename, projectReorder, serialize } from './project'
import { scan } from './scan'
import { search } from './search'
import { sort, top } from './sort'
import { summarize } from './summarize'
import { topHitters, topNested } from './topnested'
import { union } from './union'
import type { Operator } from './define'

export const operators: Readonly<Record<string, Operator>> = {
  AsOperator: as,
  ConsumeOperator: consume,
  CountOperator: count,
  DistinctOperator: distinct,
  EvaluateOperator: evaluatePlugin,
  ExtendOperator: extend,
  FilterOperator: filter,
  GetSchemaOperator: getSchema,
  InvokeOperator: invoke,
  JoinOperator: join,
  LookupOperator: lookup,
  MakeSeriesOperator: makeSeries,
  MvApplyOperator: mvApply,
  MvExpandOperator: mvExpand,
  ParseKvOperator: parseKv,
  ParseOperator: parse,
  ParseWhereOperator: parseWhere,
  PartitionOperator: partition,
  ProjectAwayOperator: projectAway,
  ProjectKeepOperator: projectKeep,
  ProjectOperator: project,
  ProjectRenameOperator: projectRename,
  ProjectReorderOperator: projectReorder,
  // Whoever shows the answer reads the render options from the query's text.
  RenderOperator: pass,
  SampleDistinctOperator: sampleDistinct,
  SampleOperator: sample,
  ScanOperator: scan,
  SearchOperator: search,
  SerializeOperator: serialize,
  SortOperator: sort,
  SummarizeOperator: summarize,
  TakeOperator: take,
  TopHittersOperator: topHitters,
  TopNestedOperator: topNested,
  TopOperator: top,
  UnionOperator: union
}

/** What Microsoft's documentation says about operators and functions, in queries of our own. */
import t from 'tap'
import { holdsFor, type Case } from './helpers'

const CASES: Record<string, Case[]> = {
  'scan: a row goes on to the earlier steps after it has matched': [
    ['datatable(t:timespan, e:string)[0m,"A", 1m,"B", 32m,"C", 33m,"D", 75m,"E"] | sort by t asc | scan with_match_id=id declare (began:timespan) with (step inside: true => began = iff(isnull(inside.began), t, inside.began); step ended output=none: t - inside.began > 30m;) | project e, began, id',
      'e:string | began:timespan | id:long', 'A | 00:00:00 | 0', 'B | 00:00:00 | 0', 'C | 00:32:00 | 1', 'D | 00:32:00 | 1', 'E | 01:15:00 | 2']
  ],
  'parse: a number before a star ends with its digits': [
    ['print s = "a=12, b=-7; c=z" | parse s with "a=" a:long * "b=" b:int * "c=" c | project a, b, c', 'a:long | b:int | c:string', '12 | -7 | z'],
    ['print s = "a=x, b=2.5; c" | parse kind=relaxed s with "a=" a:long * "b=" b:real * | project a, b', 'a:long | b:real', 'null | 2.5'],
    ['print s = "a=x, b=2" | parse-where s with "a=" a:long * "b=" b:long', 's:string | a:long | b:long']
  ],
  'parse-kv without delimiters: whatever is neither a letter nor a digit separates': [
    ['print s = "at=5, [name:bob] level Warning" | parse-kv s as (at:long, name:string, level:string, none:long) | project at, name, level, none', 'at:long | name:string | level:string | none:long', '5 | bob | Warning | null'],
    [`print s = "user: 'Ann \\\\'x\\\\' B' id=7" | parse-kv s as (user:string, id:long) with (quote="'", escape='\\\\') | project user, id`, 'user:string | id:long', "Ann 'x' B | 7"]
  ]
}

t.test('on one emulator', t => holdsFor(t, CASES))

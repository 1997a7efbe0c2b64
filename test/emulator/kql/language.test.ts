/** The language itself, on tables that the queries bring along. What is expected was learnt from the real engine. */
import t from 'tap'
import { holdsFor, type Case } from './helpers'

const PEOPLE = 'datatable(name:string, team:string, age:long)["Ann","red",30, "Bob","blue",25, "Cid","red",41, "Dee","",long(null)]'
const PAIR = 'let L = datatable(id:long, a:string)[1,"x", 2,"y", 2,"z"]; let R = datatable(id:long, b:string)[2,"p", 3,"q"]; '

const CASES: Record<string, Case[]> = {
  'whole numbers have 64 bits and wrap around; fractions are doubles': [
    ['print a = 9223372036854775807 + 1, b = int(2147483647) + int(1)', 'a:long | b:long', '-9223372036854775808 | 2147483648'],
    ['print -7 / 2, -7 % 3, 7 % -3, 7 / 0, 7.0 / 0', 'print_0:long | print_1:long | print_2:long | print_3:long | print_4:real', '-3 | 2 | 1 | null | Infinity'],
    ['print a = 7 / 2.0, b = bin(-7, 4), c = bin(7.3, 0.5), d = round(2.5), e = round(-2.5)', 'a:real | b:long | c:real | d:real | e:real', '3.5 | -8 | 7 | 3 | -3'],
    ['print a = todecimal("0.1") + todecimal("0.2") == todecimal("0.3"), b = 0.1 + 0.2 == 0.3', 'a:bool | b:bool', 'true | false'],
    ['print toint("12x"), tolong(" 12 "), toint("0x1F"), tobool("yes"), tobool(2), todouble("-inf")', 'print_0:int | print_1:long | print_2:int | print_3:bool | print_4:bool | print_5:real', 'null | 12 | 31 | null | true | -Infinity']
  ],
  'what is missing equals nothing that is there': [
    ['print a = int(null) == 1, b = int(null) != 1, c = int(null) == int(null), d = int(null) < 1, e = int(null) + 1', 'a:bool | b:bool | c:bool | d:bool | e:long', 'false | true | null | null | null'],
    ['print a = bool(null) and false, b = bool(null) or true, c = iff(bool(null), 1, 2), d = coalesce(long(null), 5), e = isnull("")', 'a:bool | b:bool | c:long | d:long | e:bool', 'false | true | 2 | 5 | false'],
    [`${PEOPLE} | where age != 30 | project name | sort by name asc`, 'name:string', 'Bob', 'Cid', 'Dee'],
    [`${PEOPLE} | sort by age asc | project age`, 'age:long', 'null', '25', '30', '41'],
    [`${PEOPLE} | sort by age desc nulls first | project age`, 'age:long', 'null', '41', '30', '25']
  ],
  'text: terms, parts, case and patterns': [
    ['print "a-b_c" has "b", "a-b_c" has "b_c", "abc" has "b", "abc" contains "B", "abc" contains_cs "B", "abc" =~ "ABC", "abc" == "ABC"', 'print_0:bool | print_1:bool | print_2:bool | print_3:bool | print_4:bool | print_5:bool | print_6:bool', 'true | true | false | true | false | true | false'],
    ['print "x" in ("X"), "x" in~ ("X"), "one two" has_any ("two", "ten"), "one two" has_all ("two", "ten"), "foobar" matches regex "^f.*r$"', 'print_0:bool | print_1:bool | print_2:bool | print_3:bool | print_4:bool', 'false | true | true | false | true'],
    ['print strlen("a😀b"), substring("a😀bc", 1, 2), substring("hello", -3), reverse("a😀b"), indexof("abcabc", "c", 3)', 'print_0:long | print_1:string | print_2:string | print_3:string | print_4:long', '3 | 😀b | llo | b😀a | 5'],
    ['print split("a,b,,c", ","), strcat("n=", 1, true), replace_regex("a1b22", @"(\\d+)", @"<\\1>"), extract(@"(\\d+)-(\\d+)", 2, "10-20"), countof("aaa", "aa")', 'print_0:dynamic | print_1:string | print_2:string | print_3:string | print_4:long', '["a","b","","c"] | n=1True | a<1>b<22> | 20 | 2'],
    ['print trim(" ", "  x "), trim(@"[^\\w]+", "--x--"), toupper("straße"), extract_all("([a-z])([0-9])", "a1b2")', 'print_0:string | print_1:string | print_2:string | print_3:dynamic', ' x | x | STRASSE | [["a","1"],["b","2"]]']
  ],
  'times and lengths of time count 100 ns': [
    ['print datetime(2024-02-28 23:59:59.9999999) + 1tick, datetime(2024-03-01) - datetime(2024-02-28), 1d / 1h, 90m, -1h', 'print_0:datetime | print_1:timespan | print_2:real | print_3:timespan | print_4:timespan', '2024-02-29T00:00:00.0000000Z | 2.00:00:00 | 24 | 01:30:00 | -01:00:00'],
    ['print bin(datetime(2024-05-17 13:47:11), 15m), startofweek(datetime(2024-05-17)), endofmonth(datetime(2024-02-10)), dayofweek(datetime(2024-05-17)), week_of_year(datetime(2021-01-03))', 'print_0:datetime | print_1:datetime | print_2:datetime | print_3:timespan | print_4:int', '2024-05-17T13:45:00.0000000Z | 2024-05-12T00:00:00.0000000Z | 2024-02-29T23:59:59.9999999Z | 5.00:00:00 | 53'],
    ['print datetime_add("month", 1, datetime(2024-01-31)), datetime_diff("month", datetime(2024-03-01), datetime(2023-12-31)), datetime_part("quarter", datetime(2024-05-17))', 'print_0:datetime | print_1:long | print_2:int', '2024-02-29T00:00:00.0000000Z | 3 | 2'],
    ['print format_datetime(datetime(2024-05-07 15:04:05.25), "yy-M-d h:mm tt fff"), format_timespan(1d + 2h + 3m, "d.hh:mm"), todatetime("2024-05-07T12:00:00+02:00"), totimespan("1.02:03:04.5")', 'print_0:string | print_1:string | print_2:datetime | print_3:timespan', '24-5-7 3:04 PM 250 | 1.02:03 | 2024-05-07T10:00:00.0000000Z | 1.02:03:04.5000000'],
    ['print datetime(0001-01-01) - 1tick, datetime(9999-12-31) + 1d, make_datetime(2023, 2, 29)', 'print_0:datetime | print_1:datetime | print_2:datetime', 'null | null | null']
  ],
  'dynamic values': [
    ['print d = dynamic({"a": [1, 2.0, "x"], "b": {"c": null}}) | project d.a[-1], d["a"][0], d.b.c, d.nope, array_length(d.a), bag_keys(d), tostring(d.a)', 'd_a_:dynamic | d_a_0:dynamic | d_b_c:dynamic | d_nope:dynamic | Column1:long | Column2:dynamic | d_a:string', 'x | 1 | null | null | 3 | ["a","b"] | [1,2.0,"x"]'],
    ['print gettype(parse_json("1")), gettype(parse_json("1.5")), gettype(parse_json("[]")), gettype(parse_json("{}")), gettype(parse_json("null")), gettype(parse_json("x y"))', 'print_0:string | print_1:string | print_2:string | print_3:string | print_4:string | print_5:string', 'long | double | array | dictionary | null | string'],
    ['print array_concat(dynamic([1]), dynamic([2])), array_slice(dynamic([1,2,3,4]), 1, -2), set_union(dynamic([1,2]), dynamic([2,3])), bag_merge(dynamic({"a":1}), dynamic({"a":2,"b":3})), zip(dynamic([1,2]), dynamic(["a"]))', 'print_0:dynamic | print_1:dynamic | print_2:dynamic | print_3:dynamic | print_4:dynamic', '[1,2] | [2,3] | [1,2,3] | {"a":1,"b":3} | [[1,"a"],[2,null]]'],
    ['datatable(id:long, d:dynamic)[1, dynamic([10,20]), 2, dynamic([]), 3, dynamic({"k":1})] | mv-expand with_itemindex=i d | project id, i, d', 'id:long | i:long | d:dynamic', '1 | 0 | 10', '1 | 1 | 20', '3 | 0 | {"k":1}'],
    ['datatable(id:long, d:dynamic)[1, dynamic([3,1,2])] | mv-apply x = d to typeof(long) on (top 2 by x | summarize s = sum(x))', 'id:long | d:dynamic | s:long', '1 | [3,1,2] | 5'],
    ['datatable(d:dynamic)[dynamic({"n":1,"s":"a"}), dynamic({"n":2.5})] | evaluate bag_unpack(d) | where n > 1 | project n, s', 'n:real | s:string', '2.5 | '],
    ['datatable(g:string, k:string, v:long)["a","x",1, "a","y",2, "b","x",3] | evaluate pivot(k, sum(v)) | sort by g asc', 'g:string | x:long | y:long', 'a | 1 | 2', 'b | 3 | 0'],
    ['print d = dynamic({"__proto__": 1, "2": "b", "1": "a"}) | project tostring(d)', 'd:string', '{"__proto__":1,"2":"b","1":"a"}']
  ],
  aggregates: [
    [`${PEOPLE} | summarize count(), sum(age), avg(age), min(age), max(age), dcount(team) by team | sort by team asc`, 'team:string | count_:long | sum_age:long | avg_age:real | min_age:long | max_age:long | dcount_team:long', ' | 1 | 0 | NaN | null | null | 1', 'blue | 1 | 25 | 25 | 25 | 25 | 1', 'red | 2 | 71 | 35.5 | 30 | 41 | 1'],
    [`${PEOPLE} | summarize arg_max(age, *), make_list(name), make_set(team), countif(age > 29), sumif(age, team == "red")`, 'age:long | name:string | team:string | list_name:dynamic | set_team:dynamic | countif_:long | sumif_age:long', '41 | Cid | red | ["Ann","Bob","Cid","Dee"] | ["red","blue",""] | 2 | 71'],
    ['range x from 1 to 10 step 1 | summarize percentile(x, 50), percentiles(x, 5, 95), stdev(x), variancep(x), percentilew(x, 1, 90)', 'percentile_x_50:long | percentile_x_5:long | percentile_x_95:long | stdev_x:real | variancep_x:real | percentile_x_90:long', '5 | 1 | 10 | 3.0276503540974917 | 8.25 | 9'],
    ['range x from 1 to 6 step 1 | summarize share = 100.0 * countif(x > 4) / count() by bin(x, 3)', 'x:long | share:real', '0 | 0', '3 | 33.333333333333336', '6 | 100'],
    ['datatable(x:long)[] | summarize count(), sum(x), make_list(x), max(x)', 'count_:long | sum_x:long | list_x:dynamic | max_x:long', '0 | 0 | [] | null'],
    ['datatable(x:long)[] | summarize count() by x', 'x:long | count_:long'],
    ['range x from 1 to 5 step 1 | make-series s = sum(x) default = 0 on x from 0 to 6 step 2 | project s, x, series_fill_forward(s), array_sum(s)', 's:dynamic | x:dynamic | s1:dynamic | Column1:real', '[1,5,9] | [0,2,4] | [1,5,9] | 15'],
    [`${PEOPLE} | top-nested 1 of team by count() desc, top-nested 1 of name by max(age)`, 'team:string | aggregated_team:long | name:string | aggregated_name:long', 'red | 2 | Cid | 41'],
    [`${PEOPLE} | summarize makelist(name, 1), makeset(team, 1), any(name)`, 'list_name:dynamic | set_team:dynamic | any_name:string', '["Ann"] | ["red"] | Ann']
  ],
  'joins, lookups and unions': [
    [`${PAIR} L | join kind=inner R on id | sort by a asc`, 'id:long | a:string | id1:long | b:string', '2 | y | 2 | p', '2 | z | 2 | p'],
    [`${PAIR} L | join R on id`, 'id:long | a:string | id1:long | b:string', '2 | y | 2 | p'],
    [`${PAIR} L | join kind=leftouter R on $left.id == $right.id | where a != "z" | sort by a asc`, 'id:long | a:string | id1:long | b:string', '1 | x | null | ', '2 | y | 2 | p'],
    [`${PAIR} L | join kind=rightouter R on id | where id1 == 3`, 'id:long | a:string | id1:long | b:string', 'null |  | 3 | q'],
    [`${PAIR} L | join kind=fullouter R on id | count`, 'Count:long', '4'],
    [`${PAIR} L | join kind=leftanti R on id`, 'id:long | a:string', '1 | x'],
    [`${PAIR} L | join kind=rightsemi R on id`, 'id:long | b:string', '2 | p'],
    [`${PAIR} L | lookup R on id | sort by a asc`, 'id:long | a:string | b:string', '1 | x | ', '2 | y | p', '2 | z | p'],
    [`${PAIR} union withsource=from L, R | sort by id asc, a asc | project from, id, a, b`, 'from:string | id:long | a:string | b:string', 'union_arg0 | 1 | x | ', 'union_arg1 | 2 |  | p', 'union_arg0 | 2 | y | ', 'union_arg0 | 2 | z | ', 'union_arg1 | 3 |  | q'],
    [`${PAIR} union kind=inner L, R | count`, 'Count:long', '5']
  ],
  'parsing text': [
    ['datatable(s:string)["GET /a 200 5ms", "nonsense"] | parse s with verb " " path " " code:int " " ms:long "ms" | project verb, path, code, ms', 'verb:string | path:string | code:int | ms:long', 'GET | /a | 200 | 5', ' |  | null | null'],
    ['datatable(s:string)["id=7 x", "id=seven x"] | parse-where s with * "id=" id:long " " * | project id', 'id:long', '7'],
    ['datatable(s:string)["took 12 ms (cold)"] | parse kind=regex s with @"took\\s+" ms:long @"\\s+ms \\(" how @"\\)" | project ms, how', 'ms:long | how:string', '12 | cold'],
    ['datatable(s:string)["a=1;b=two;a=3"] | parse-kv s as (a:long, b:string, c:string) with (pair_delimiter=";", kv_delimiter="=") | project a, b, c', 'a:long | b:string | c:string', '1 | two | '],
    ['datatable(s:string, n:long)["disk full",1, "all well",2, "full moon",3] | search "full" and not("moon") | project n', 'n:long', '1']
  ],
  'let, functions, order and other rows': [
    ['let twice = (x:long, more:long = 0) { let y = x * 2; y + more }; print twice(4), twice(4, 1)', 'print_0:long | print_1:long', '8 | 9'],
    [`let old = (T:(age:long), least:long) { T | where age >= least }; old(${PEOPLE}, 30) | count`, 'Count:long', '2'],
    [`let T = ${PEOPLE}; let oldest = toscalar(T | summarize max(age)); T | where age == oldest | project name`, 'name:string', 'Cid'],
    ['range x from 1 to 4 step 1 | extend before = prev(x, 1, -1), after = next(x), sum = row_cumsum(x), n = row_number()', 'x:long | before:long | after:long | sum:long | n:long', '1 | -1 | 2 | 1 | 1', '2 | 1 | 3 | 3 | 2', '3 | 2 | 4 | 6 | 3', '4 | 3 | null | 10 | 4'],
    ['range x from 1 to 4 step 1 | scan declare (total:long = 0) with (step s: true => total = iff(x == 3, 0, s.total + x);) | project total', 'total:long', '1', '3', '0', '4'],
    [`${PEOPLE} | as P | where age > 29 | union P | count`, 'Count:long', '6'],
    [`${PEOPLE} | partition by team (top 1 by age | project name) | sort by name asc`, 'name:string', 'Bob', 'Cid', 'Dee'],
    ['print x = 1 | extend x = x + 1, y = x | project y, x', 'y:long | x:long', '1 | 2'],
    [`${PEOPLE} | project-away age | project-rename who = name | project-reorder team | getschema | project ColumnName, ColumnType`, 'ColumnName:string | ColumnType:string', 'team | string', 'who | string'],
    [`${PEOPLE} | distinct team | sort by team asc | take 2`, 'team:string', '', 'blue']
  ],
  // The examples of Microsoft's documentation, and what it says about the edges.
  'functions that its documentation explains': [
    ['datatable(value: dynamic)[dynamic({"x":1, "y":3.5}), dynamic({"x":"somevalue", "z":[1, 2, 3]}), dynamic({"y":{"w":"zzz"}, "t":["aa", "bb"], "z":["foo"]})] | summarize schema = buildschema(value)',
      'schema:dynamic', '{"x":["long","string"],"y":["double",{"w":"string"}],"z":{"`indexer`":["long","string"]},"t":{"`indexer`":"string"}}'],
    ['datatable(value: dynamic)[dynamic(null)] | summarize schema = buildschema(value)', 'schema:dynamic', 'null'],
    ['range x from 1 to 10 step 1 | extend Text = "1234567890" | summarize Total = sum(estimate_data_size(*))', 'Total:long', '180'],
    ['print a = 1s, b = "ä", c = dynamic({"x":[1, 2]}), d = int(1), e = true | project all = estimate_data_size(*), some = estimate_data_size(b, d)', 'all:long | some:long', '26 | 6'],
    ['set query_bin_auto_size=1h; set query_bin_auto_at=datetime(2017-01-01 00:05); range Timestamp from datetime(2017-01-01 00:05) to datetime(2017-01-01 02:00) step 1m | summarize count() by Timestamp = bin_auto(Timestamp) | sort by Timestamp asc',
      'Timestamp:datetime | count_:long', '2017-01-01T00:05:00.0000000Z | 60', '2017-01-01T01:05:00.0000000Z | 56'],
    ['set query_bin_auto_size=5; set notruncation; set query_datascope="hotcache"; print x = bin_auto(13)', 'x:long', '10'],
    ['print x = bin_auto(13)', 'bin_auto() needs a size: begin the query with set query_bin_auto_size=1h; (line 1, column 11)'],
    ["print a = parse_xml('<e/>'), b = parse_xml('<e>text</e>'), c = parse_xml('<e name=\"value\"/>'), d = parse_xml('<e name=\"value\">text</e>')", 'a:dynamic | b:dynamic | c:dynamic | d:dynamic',
      '{"e":null} | {"e":"text"} | {"e":{"@name":"value"}} | {"e":{"@name":"value","#text":"text"}}'],
    ["print a = parse_xml('<e><a>text</a><b>text</b></e>'), b = parse_xml('<e><a>text</a><a>text</a></e>'), c = parse_xml('<e>text<a>text</a></e>')", 'a:dynamic | b:dynamic | c:dynamic',
      '{"e":{"a":"text","b":"text"}} | {"e":{"a":["text","text"]}} | {"e":{"#text":"text","a":"text"}}'],
    ["print a = parse_xml('<?xml version=\"1.0\"?><!-- no --><e a=\"1 &lt; 2\">&#228;&amp;</e>'), b = parse_xml('<e><a></e>'), c = parse_xml('no xml'), d = parse_xml('<a/><a/>'), e = parse_xml('')", 'a:dynamic | b:dynamic | c:dynamic | d:dynamic | e:dynamic',
      '{"e":{"@a":"1 < 2","#text":"ä&"}} | null | null | null | null'],
    ["print isnull(parse_xml(strcat(strrep('<a>', 10000), strrep('</a>', 10000))))", 'print_0:bool', 'true']
  ]
}

t.test('on one emulator', t => holdsFor(t, CASES))

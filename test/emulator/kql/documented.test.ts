/** What Microsoft's documentation says about operators and functions, in queries of our own. */
import t from 'tap'
import { holdsFor, type Case } from './helpers'

const CASES: Record<string, Case[]> = {
  'scan: a row goes on to the earlier steps after it has matched': [
    ['datatable(t:timespan, e:string)[0m,"A", 1m,"B", 32m,"C", 33m,"D", 75m,"E"] | sort by t asc | scan with_match_id=id declare (began:timespan) with (step inside: true => began = iff(isnull(inside.began), t, inside.began); step ended output=none: t - inside.began > 30m;) | project e, began, id',
      'e:string | began:timespan | id:long', 'A | 00:00:00 | 0', 'B | 00:00:00 | 0', 'C | 00:32:00 | 1', 'D | 00:32:00 | 1', 'E | 01:15:00 | 2']
  ],
  'regular expressions: letters and digits of all scripts, and the syntax of the documentation': [
    [String.raw`print a = extract(@"\w+", 0, "größe x"), b = extract(@"\bü\w*", 0, "xü üb"), c = extract(@"\W+", 0, "aé-b"), d = extract(@"[^\W\d]+", 0, "1é b"), e = trim(@"\W+", "--ä--")`, 'a:string | b:string | c:string | d:string | e:string', 'größe | üb | - | é | ä'],
    [String.raw`print a = extract("a(?i)b(?-i)c", 0, "aBc"), b = extract("(?i:ab)c", 0, "ABc"), c = "B" matches regex "(?i)[a-c]", d = "aB" matches regex "a(?i)[a-c]", e = extract("(?x) a b # rest", 0, "ab"), f = extract("(?U)a+", 0, "aaa")`, 'a:string | b:string | c:bool | d:bool | e:string | f:string', 'aBc | ABc | true | true | ab | a'],
    [String.raw`print a = extract(@"[\w&&[^a-c]]+", 0, "abcdef"), b = extract("[0-9--4]+", 0, "345"), c = extract("[a-g~~b-h]+", 0, "bah"), d = extract("[[:^alpha:]]+", 0, "ab12"), e = extract("[]a]+", 0, "b]a"), f = extract(@"[\w.-]+", 0, "!a-b.c")`, 'a:string | b:string | c:string | d:string | e:string | f:string', 'def | 3 | ah | 12 | ]a | a-b.c'],
    [String.raw`print a = extract(@"\p{Greek}+", 0, "abγδ"), b = extract(@"\pL+", 0, "1é"), c = extract(@"\x{e9}", 0, "é"), d = extract(@"[\x41-\x43]+", 0, "xABCD"), e = extract(@"\{x\}", 0, "{x}"), f = extract(@"^(?P<x>a)(?<y.z>b)\z", 2, "ab")`, 'a:string | b:string | c:string | d:string | e:string | f:string', 'γδ | é | é | ABC | {x} | b'],
    [String.raw`print a = "1\nb" matches regex "(?m)^b$", b = "1\nb" matches regex "^b$", c = "a\nb" matches regex "a.b", d = "a\nb" matches regex "(?s)a.b", e = "a\r" matches regex "a."`, 'a:bool | b:bool | c:bool | d:bool | e:bool', 'true | false | false | true | true'],
    ['print "ab" matches regex "a(?=b)"', 'Invalid regular expression: Azure has neither lookarounds nor backreferences (line 1, column 26)'],
    ['print "aa" matches regex @"(a)\\1"', 'Invalid regular expression: Azure has neither lookarounds nor backreferences (line 1, column 26)'],
    ['print extract("[a", 0, "a")', 'Invalid regular expression: a character class has no end (line 1, column 7)'],
    ['datatable(p:string)["a", "(b"] | where "b" matches regex p', 'Invalid regular expression: a group has no end (line 1, column 58)'],
    ['print 1 | extend t = format_datetime(now(), "Q")', "format_datetime() does not know the format 'Q' (line 1, column 22)"],
    [String.raw`print a = indexof_regex("abcb", "b", 0, -1, 2), b = indexof_regex("abcb", "c", 0, 2), c = indexof_regex("abc", "b", -1)`, 'a:long | b:long | c:long', '3 | -1 | null']
  ],
  'parse: a number before a star ends with its digits': [
    ['print s = "a=12, b=-7; c=z" | parse s with "a=" a:long * "b=" b:int * "c=" c | project a, b, c', 'a:long | b:int | c:string', '12 | -7 | z'],
    ['print s = "a=x, b=2.5; c" | parse kind=relaxed s with "a=" a:long * "b=" b:real * | project a, b', 'a:long | b:real', 'null | 2.5'],
    ['print s = "a=x, b=2" | parse-where s with "a=" a:long * "b=" b:long', 's:string | a:long | b:long']
  ],
  'parse-kv without delimiters: whatever is neither a letter nor a digit separates': [
    ['print s = "at=5, [name:bob] level Warning" | parse-kv s as (at:long, name:string, level:string, none:long) | project at, name, level, none', 'at:long | name:string | level:string | none:long', '5 | bob | Warning | null'],
    ['print s = "user: \'Ann \\\\\'x\\\\\' B\' id=7" | parse-kv s as (user:string, id:long) with (quote="\'", escape=\'\\\\\') | project user, id', 'user:string | id:long', "Ann 'x' B | 7"]
  ],
  'IP addresses: the shortest prefix counts, on both sides': [
    ["print a = ipv4_is_match('10.1.1.7/24', '10.1.1.9'), b = ipv4_is_match('10.1.1.7', '10.1.1.9/24'), c = ipv4_is_match('10.1.1.7', '10.1.1.9', 24), d = ipv4_compare('10.1.1.7/30', '10.1.2.9/24'), e = ipv4_is_match('10.1.1.7', 'x')", 'a:bool | b:bool | c:bool | d:long | e:bool', 'true | true | true | -1 | null'],
    ["print a = parse_ipv4('10.1.1.7/24'), b = parse_ipv4_mask('10.1.1.7', 8), c = ipv4_netmask_suffix('10.1.1.7/24'), d = ipv4_is_private('172.20.1.1'), e = ipv4_is_in_range('10.1.2.3', '10.1.0.0/16'), f = ipv4_is_in_any_range('10.1.2.3', dynamic(['1.1.1.1', '10.0.0.0/8'])), g = ipv4_range_to_cidr_list('10.0.0.1', '10.0.0.8')", 'a:long | b:long | c:long | d:bool | e:bool | f:bool | g:dynamic', '167837952 | 167772160 | 24 | true | true | true | ["10.0.0.1/32","10.0.0.2/31","10.0.0.4/30","10.0.0.8/32"]'],
    ["print a = format_ipv4('10.1.1.7', 24), b = format_ipv4_mask('10.1.1.7/16', 24), c = format_ipv4_mask(167837959, 32), d = format_ipv4('10.1.1.7', 33)", 'a:string | b:string | c:string | d:string', '10.1.1.0 | 10.1.0.0/16 | 10.1.1.7/32 | '],
    ["print a = ipv6_is_match('fe80::1:7', 'fe80::1:9', 112), b = ipv6_compare('::ffff:10.1.1.7', '10.1.1.7'), c = parse_ipv6('10.1.1.7'), d = parse_ipv6_mask('fe80::1:7', 16), e = ipv6_is_in_range('10.1.1.7', '10.1.1.0/24'), f = parse_ipv6('fe80:::1')", 'a:bool | b:long | c:string | d:string | e:bool | f:string', 'true | 0 | 0000:0000:0000:0000:0000:ffff:0a01:0107 | fe80:0000:0000:0000:0000:0000:0000:0000 | true | '],
    ["print a = has_ipv4('from 10.1.1.7:80', '10.1.1.7'), b = has_ipv4('v10.1.1.7', '10.1.1.7'), c = has_any_ipv4('from 10.1.1.7', dynamic(['1.1.1.1', '10.1.1.7'])), d = has_ipv4_prefix('from 10.1.1.7', '10.1.'), e = has_ipv4_prefix('from 10.1.1.7', '10.1'), f = has_any_ipv4_prefix('from 10.1.1.7', '9.', '10.')", 'a:bool | b:bool | c:bool | d:bool | e:bool | f:bool', 'true | false | true | true | false | true']
  ],
  'lists and bags': [
    ['print array_sort_asc(dynamic([3,null,1]), dynamic(["c","n","a"]), dynamic([1]))', 'array0_sorted:dynamic | array1_sorted:dynamic | array2_sorted:dynamic', '[1,3,null] | ["a","c","n"] | null'],
    ['print a = array_sort_desc(dynamic([1,3]), dynamic(["a","c"]))[1], b = array_sort_desc(dynamic([1,3])), c = array_length(array_sort_asc(dynamic([1,3])))', 'a:dynamic | b:dynamic | c:long', '["c","a"] | [3,1] | 2'],
    ['print a = array_index_of(dynamic(["x","y","x","x"]), "x", 1, -1, 2), b = array_iff(dynamic(["x", true, 0, 2.5, null]), 1, 2)', 'a:long | b:dynamic', '3 | [null,1,2,1,null]'],
    ['print d = dynamic({"a":1,"b":{"c":2,"d":3}}) | project x = bag_remove_keys(d, dynamic(["$.b.c", "a"])), y = bag_set_key(d, "$.b.c", "new"), z = bag_set_key(d, "$.e.f", 4)', 'x:dynamic | y:dynamic | z:dynamic', '{"b":{"d":3}} | {"a":1,"b":{"c":"new","d":3}} | {"a":1,"b":{"c":2,"d":3},"e":{"f":4}}'],
    ['datatable(v:dynamic)[dynamic(5)] | project a = bag_zip(dynamic(["a",8,"b"]), dynamic([1,2,3])), b = bag_zip(dynamic(["a"]), v)', 'a:dynamic | b:dynamic', '{"a":1,"b":3} | {"a":null}'],
    ['print a = 1, b = "", c = int(null) | project pack_all(true)', 'Column1:dynamic', '{"a":1}'],
    ['let key = "x"; print d = dynamic({"q":{"x":5}}) | project a = d["q"].[key], b = d.["q"].x', 'a:dynamic | b:dynamic', '5 | 5'],
    ['range x from 1 to 3 step 1 | extend id = toscalar(new_guid()) | summarize dcount(id)', 'dcount_id:long', '1']
  ],
  'texts and numbers': [
    ['print a = replace_strings("This is a.b", dynamic(["is","This","."]), dynamic(["was", 5, "-"])), b = replace_strings("cat dog", dynamic(["cat","dog"]), dynamic(["dog","bird"]))', 'a:string | b:string', 'This was a-b | dog bird'],
    ['print a = url_encode("a b&c=ü/"), b = url_encode_component("a b&c"), c = format_bytes(564), d = format_bytes(2048)', 'a:string | b:string | c:string | d:string', 'a+b%26c%3d%c3%bc%2f | a%20b%26c | 564 Bytes | 2 KB'],
    ['print hash(datetime(2015-01-01))', 'print_0:long', '1380966698541616202'],
    ['print a = tohex(toint(-256)), b = tohex(-256), c = tohex(toint(255), 4)', 'a:string | b:string | c:string', 'ffffff00 | ffffffffffffff00 | 00ff'],
    ['print a = series_dot_product(dynamic([1,2]), 3), b = series_fill_linear(dynamic([1,null,4])), c = series_fill_linear(dynamic([1.0,null,4.0])), d = series_stats_dynamic(dynamic([1,3])).sum, e = series_stats_dynamic(dynamic([1,3])).len, f = series_magnitude(dynamic([3,4])), g = series_cosine_similarity(dynamic([1,0]), dynamic([2,0]))', 'a:real | b:dynamic | c:dynamic | d:dynamic | e:dynamic | f:real | g:real', '9 | [1,2,4] | [1,2.5,4] | 4 | 2 | 5 | 1']
  ],
  'hll and tdigest: merged later, and read': [
    ['datatable(day:long, user:string)[1,"Ann", 1,"Bob", 2,"Bob", 2,"Cid"] | summarize users = hll(user) by day | summarize total = sum(dcount_hll(users)), all = hll_merge(users) | project total, all = dcount_hll(all), twice = dcount_hll(hll_merge(all, all))', 'total:long | all:long | twice:long', '4 | 3 | 3'],
    ['datatable(user:string, ok:bool)["Ann",true, "Bob",false, "Ann",true] | summarize h = hll_if(user, ok) | project dcount_hll(h)', 'dcount_hll_h:long', '1'],
    ['range x from 1 to 100 step 1 | summarize t = tdigest(x) by x % 2 | summarize m = tdigest_merge(t) | project a = percentile_tdigest(m, 90, typeof(long)), b = percentiles_array_tdigest(m, 25, 50), c = percentrank_tdigest(m, 25), d = rank_tdigest(m, 25)', 'a:long | b:dynamic | c:real | d:real', '90 | [25,50] | 25 | 25'],
    ['datatable(ms:long, n:long)[10,9, 500,1] | summarize t = tdigest(ms, n) | project percentile_tdigest(t, 50, typeof(long))', 'percentile_tdigest_t:long', '10']
  ],
  'bytes in texts, and smaller functions': [
    ['print a = base64_decode_toarray("S3U="), b = base64_encode_fromarray(dynamic([75,117])), c = base64_encode_fromguid(guid(ae3133f2-6e22-49ae-b06a-16e6a9b212eb)), d = base64_decode_toguid("8jMxriJurkmwahbmqbIS6w=="), e = base64_decode_toarray("!")', 'a:dynamic | b:string | c:string | d:guid | e:dynamic', '[75,117] | S3U= | 8jMxriJurkmwahbmqbIS6w== | ae3133f2-6e22-49ae-b06a-16e6a9b212eb | null'],
    ['print a = gzip_decompress_from_base64_string(gzip_compress_to_base64_string("größe")), b = zlib_decompress_from_base64_string(zlib_compress_to_base64_string("x")), c = zlib_decompress_from_base64_string("no")', 'a:string | b:string | c:string', 'größe | x | '],
    ['print a = around(5, 3, 2), b = around(datetime(2020-01-01), datetime(2020-01-02), 1h), c = around(1.5, 1.0, 0.5), d = around(int(null), 1, 2), e = totime("1.00:00:00")', 'a:bool | b:bool | c:bool | d:bool | e:timespan', 'true | false | true | null | 1.00:00:00'],
    ['print a = assert(1 < 2, "never said")', 'a:bool', 'true'],
    ['print assert(1 > 2, "one is less")', 'assert() has failed: one is less (line 1, column 7)'],
    ['datatable(a:string, b:int)["x", 1] | project p = bag_pack_columns(a, b)', 'p:dynamic', '{"a":"x","b":1}'],
    ['datatable(a:string, b:int)["x", 1, "y", 2] | evaluate narrow() | where Column == "b"', 'Row:long | Column:string | Value:string', '0 | b | 1', '1 | b | 2']
  ],
  'functions of the query, and names of what they are called with': [
    ['let above = (T:(x:long), least:long) { T | where x > least | extend y = least }; range x from 1 to 4 step 1 | extend z = 2 | invoke above(3)', 'x:long | z:long | y:long', '4 | 2 | 3'],
    ['let counted = (T:(*), name:string) { T | summarize n = count() by key = column_ifexists(name, "") }; datatable(a:string)["p","q","p"] | invoke counted("a") | where n > 1', 'key:string | n:long', 'p | 2'],
    ['let V = view () { print x = 1 }; let W = print x = 2; union withsource=from V, W, (print x = 3 | as K), (print x = 4)', 'from:string | x:long', 'V | 1', 'union_arg1 | 2', 'K | 3', 'union_arg3 | 4'],
    ['let least = (n:long) { toscalar(range x from 1 to 3 step 1 | summarize min(x) + n) }; datatable(n:long)[5] | project least(n)', "'n' differs from row to row, and toscalar() runs once: use a join or a lookup (line 1, column 81)"],
    ['let T = range x from 1 to 2 step 1;\nlet inner = (s:string) { s matches regex "(" };\nlet outer = (s:string) { let y = 1;\n inner(s) };\nT | where outer("a")', 'Invalid regular expression: a group has no end (line 2, column 42)'],
    ['datatable(d:dynamic, who:string)[dynamic({"Name":"A","Age":20}), "s"] | evaluate bag_unpack(d) : (*, Name:string)', 'who:string | Name:string', 's | A'],
    ['datatable(d:dynamic, who:string)[dynamic({"Name":"A","Age":20}), "s"] | evaluate bag_unpack(d, ignoredProperties=dynamic(["Age"]), columnsConflict="keep_source")', 'who:string | Name:string', 's | A'],
    ['print a = make_timespan(1, 12, 30, 55.123), b = make_datetime(2024, 10, 1, 12, 11, 0.1234567)', 'a:timespan | b:datetime', '1.12:30:55.1230000 | 2024-10-01T12:11:00.1234567Z'],
    ['print make_timespan("x", 1)', 'The expression value must be an integer (line 1, column 21)']
  ],
  'what others fill in before they send a query is named': [
    ['requests | where $__timeFilter(timestamp)', "The name '$__timeFilter' does not refer to any known function: Grafana fills in its macros before it sends the query (line 1, column 18)"],
    ['requests | where name in ({Names})', 'Client parameters are not supported or enabled: a workbook fills in its parameters before it sends the query (line 1, column 27)']
  ],
  'statements before the query: parameters with a value, and what time it is': [
    ['declare query_parameters(n:long = 3, who:string = "x"); print n, who', 'print_0:long | print_1:string', '3 | x'],
    ['declare query_parameters(n:long); print n', "The parameter 'n' has no value: give it a default (line 1, column 26)"],
    ['set query_now = datetime(2024-01-02 03:00); print a = now(), b = ago(1h), c = now(-1d)', 'a:datetime | b:datetime | c:datetime', '2024-01-02T03:00:00.0000000Z | 2024-01-02T02:00:00.0000000Z | 2024-01-01T03:00:00.0000000Z'],
    ['set query_now = datetime(2024-01-02); declare query_parameters(k:string = "x"); datatable(d:dynamic)[dynamic({"a":1})] | extend b = now() | evaluate bag_unpack(d) | extend c = now(), k', 'b:datetime | a:long | c:datetime | k:string', '2024-01-02T00:00:00.0000000Z | 1 | 2024-01-02T00:00:00.0000000Z | x']
  ]
}

t.test('on one emulator', t => holdsFor(t, CASES))

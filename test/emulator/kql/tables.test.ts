/** Stored rows as Azure's tables, with their names and columns. */
import t from 'tap'
import { dependency, envelope, exception, post, request, trace } from '../../fixtures/envelopes'
import { startEmulator, type Emulator } from 'fastify-app-insights/emulator'
import { shown, start } from './helpers'

let emulator: Emulator

// Loading the parser takes its time: most tests share one emulator.
t.before(async () => {
  emulator = await startEmulator()
  await post(emulator.url, [
    request({ properties: { tenant: 'acme' }, measurements: { items: 3 } }),
    request({ name: 'GET /slow', success: false, responseCode: '500', duration: '00:00:01.5' }),
    trace('user read', { severityLevel: 'Warning', properties: { user: '{"id":7}' } }),
    exception(),
    dependency(),
    envelope('EventData', { name: 'Booked', properties: { tour: 'A' }, measurements: { seats: 2 } }),
    envelope('MetricData', { metrics: [{ name: 'queue', value: 10, count: 4, min: 1, max: 5 }] }),
    envelope('MetricData', { metrics: [{ name: '\\Process(node)\\% Processor Time', value: 12 }] }),
    envelope('AvailabilityData', { id: 'a', name: 'ping', duration: '00:00:00.2', success: true, runLocation: 'here', message: 'ok' }),
    envelope('PageViewData', { name: 'Home', url: 'http://shop.test/', duration: '00:00:00.3' }),
    envelope('PageViewPerfData', { name: 'Home', url: 'http://shop.test/', perfTotal: '00:00:00.4', networkConnect: '00:00:00.1' })
  ])
})
t.teardown(() => emulator.close())

t.test('every table is there, with its item type', async t => {
  const { rows } = await emulator.query('union requests, dependencies, traces, exceptions, customEvents, customMetrics, performanceCounters, availabilityResults, pageViews, browserTimings | summarize count() by itemType | sort by itemType asc')
  t.strictSame(rows, [['availabilityResult', 1], ['browserTiming', 1], ['customEvent', 1], ['customMetric', 1], ['dependency', 1], ['exception', 1], ['pageView', 1], ['performanceCounter', 1], ['request', 2], ['trace', 1]])
})

t.test('columns are those of the portal', async t => {
  const one = async (query: string) => shown(await emulator.query(query))
  t.strictSame(await one('requests | where name == "GET /slow" | project name, url, success, resultCode, duration, performanceBucket, operation_Name, cloud_RoleName, itemCount'), [
    'name:string | url:string | success:string | resultCode:string | duration:real | performanceBucket:string | operation_Name:string | cloud_RoleName:string | itemCount:int',
    'GET /slow | http://shop.test:3000/users/42?plan=pro | False | 500 | 1500 | 1sec-3sec | GET /users/:id | shop | 1'
  ])
  t.strictSame(await one('requests | where customDimensions.tenant == "acme" | project tenant = customDimensions["tenant"], n = customMeasurements.items'), ['tenant:dynamic | n:dynamic', 'acme | 3'])
  t.strictSame(await one('traces | project message, severityLevel, id = todynamic(tostring(customDimensions.user)).id'), ['message:string | severityLevel:int | id:dynamic', 'user read | 2 | 7'])
  t.strictSame(await one('exceptions | project type, outerMessage, problemId, details[0].message'), ['type:string | outerMessage:string | problemId:string | details_0_message:dynamic', 'TypeError | no user | TypeError at readUser | no user'])
  t.strictSame(await one('dependencies | project type, target, data, success'), ['type:string | target:string | data:string | success:string', 'Http | stock.test | http://stock.test/stock | False'])
  t.strictSame(await one('customMetrics | project name, value, valueCount, valueMin, valueMax'), ['name:string | value:real | valueCount:int | valueMin:real | valueMax:real', 'queue | 10 | 4 | 1 | 5'])
  t.strictSame(await one('performanceCounters | project category, instance, counter, value'), ['category:string | instance:string | counter:string | value:real', 'Process | node | % Processor Time | 12'])
  t.strictSame(await one('availabilityResults | project name, location, success, message, duration'), ['name:string | location:string | success:string | message:string | duration:real', 'ping | here | True | ok | 200'])
  t.strictSame(await one('browserTimings | project totalDuration, networkDuration, performanceBucket'), ['totalDuration:real | networkDuration:real | performanceBucket:string', '400 | 100 | 250ms-500ms'])
})

t.test('success is true or false, however it is asked for', async t => {
  const count = async (condition: string) => (await emulator.query(`requests | where ${condition} | count`)).rows[0]?.[0]
  for (const condition of ['success == false', "success == 'False'", 'success == 0', 'success != true', "success =~ 'false'", 'success in (false)', 'tobool(success) == false']) t.equal(await count(condition), 1, condition)
  for (const condition of ['success == true', "success == 'True'", 'success == 1', 'success != false']) t.equal(await count(condition), 1, condition)
  t.strictSame((await emulator.query('requests | summarize countif(success == false)')).rows, [[1]])
})

t.test('the workspace has names of its own', async t => {
  t.strictSame(shown(await emulator.query('AppRequests | where Success == false | project Name, ResultCode, DurationMs, OperationName, AppRoleName, Type')), [
    'Name:string | ResultCode:string | DurationMs:real | OperationName:string | AppRoleName:string | Type:string',
    'GET /slow | 500 | 1500 | GET /users/:id | shop | AppRequests'
  ])
  t.strictSame((await emulator.query('union App* | summarize count() by Type | sort by Type asc | summarize make_list(Type)')).rows, [[['AppAvailabilityResults', 'AppBrowserTimings', 'AppDependencies', 'AppEvents', 'AppExceptions', 'AppMetrics', 'AppPageViews', 'AppPerformanceCounters', 'AppRequests', 'AppTraces']]])
  t.strictSame((await emulator.query('AppTraces | project tostring(Properties.user), SeverityLevel')).rows, [['{"id":7}', 2]])
  t.strictSame((await emulator.query('AppExceptions | project ExceptionType, OuterMessage')).rows, [['TypeError', 'no user']])
  t.strictSame((await emulator.query('AppDependencies | project DependencyType, Target')).rows, [['Http', 'stock.test']])
})

t.test('union *, search and find mean the tables of the portal or those of a workspace, and no row twice', async t => {
  const one = async (query: string) => shown(await emulator.query(query)).slice(1)
  t.strictSame(await one('union * | count'), ['11'])
  t.strictSame(await one('union * | where TimeGenerated > datetime(2000-01-01) | summarize rows = count(), tables = dcount(Type)'), ['11 | 10'])
  t.strictSame(await one('union isfuzzy=true noSuchTable, * | count'), ['11'])
  t.strictSame(await one('search * | where timestamp > datetime(2000-01-01) | count'), ['11'])
  t.strictSame(await one('search "acme" | summarize count() by $table'), ['requests | 1'])
  t.strictSame(await one('search "acme" | where TimeGenerated > datetime(2000-01-01) | summarize count() by $table'), ['AppRequests | 1'])
  t.strictSame(await one('find where name == "GET /slow" project itemType, resultCode'), ['requests | request | 500'])
  t.strictSame(await one('find where Name == "GET /slow" project Type, ResultCode'), ['AppRequests | AppRequests | 500'])
  t.strictSame(await one('union requests, AppRequests | count'), ['4'], 'unless it asks for both')
  await t.rejects(emulator.query('search "acme" | where noSuchColumn == 1'), { code: 'FAI_KQL_INVALID', message: /noSuchColumn/, line: 1, column: 23 })
})

t.test('table() takes a name from anywhere', async t => {
  for (const query of ["table('requests') | count", "let name = 'requests'; table(name) | count", "let rows = (name: string) { table(name) | count }; rows('requests')"]) t.strictSame((await emulator.query(query)).rows, [[2]], query)
})

t.test('a fuzzy union passes over tables that are not there', async t => {
  const one = async (query: string) => shown(await emulator.query(query)).slice(1)
  t.strictSame(await one('union isfuzzy=true AppRequests, ContainerLogV2, (AzureDiagnostics | where x == 1) | summarize count() by Type'), ['AppRequests | 2'])
  t.strictSame(await one('requests | union isfuzzy=true noSuchTable | summarize count() by itemType'), ['request | 2'])
  await t.rejects(emulator.query('union isfuzzy=true noSuchTable, another'), { code: 'FAI_KQL_INVALID', message: /does not refer to any known table/ })
  await t.rejects(emulator.query('union requests, noSuchTable'), { code: 'FAI_KQL_INVALID', message: /noSuchTable/ })
})

t.test("Microsoft's queries for what costs money", async t => {
  const size = Number((await emulator.query('union * | summarize sum(_BilledSize)')).rows[0]?.[0])
  t.ok(size > 1_000, 'the size of the rows as they were sent')
  t.strictSame((await emulator.query('find where TimeGenerated > datetime(2000-01-01) project _ResourceId, _BilledSize, _IsBillable | where _IsBillable == true | summarize sum(_BilledSize) by _ResourceId')).rows, [['', size]])
  t.strictSame((await emulator.query('union (AppAvailabilityResults), (AppBrowserTimings), (AppDependencies), (AppExceptions), (AppEvents), (AppMetrics), (AppPageViews), (AppPerformanceCounters), (AppRequests), (AppSystemEvents), (AppTraces) | summarize sum(_BilledSize)')).rows, [[size]])
  t.strictSame((await emulator.query('AppRequests | where _BilledSize > 0 | summarize count() by TenantId, _SubscriptionId, _IsBillable, SourceSystem')).rows, [['', '', 'True', 'Azure', 2]])
})

t.test('find shows shared columns and those of its condition, and the others in a bag; a column that a table lacks is empty', async t => {
  t.match(await emulator.query('find in (requests, traces) where duration > 1000 or severityLevel == 2 | project source_, duration, message = tostring(pack_.message), url = isnotempty(pack_.url)'), { rows: [['requests', 1500, '', true], ['traces', null, 'user read', false]] })
  t.strictSame((await emulator.query('find in (requests) where name == "GET /slow" project name, pack(*) | project bag_has_key(pack_, "name"), tostring(pack_.resultCode), tostring(pack_.customDimensions)')).rows, [[false, '500', '{}']])
  t.strictSame((await emulator.query('search in (requests, traces) severityLevel == 2 | summarize count() by $table')).rows, [['traces', 1]])
})

t.test('a query sees what has come, and not what has gone', async t => {
  const emulator = await start(t, { maxRows: 3 })
  const messages = async () => (await emulator.query('traces | summarize make_list(message)')).rows[0]?.[0]
  t.strictSame(await messages(), [])
  await post(emulator.url, [trace('a'), trace('b')])
  t.strictSame(await messages(), ['a', 'b'])
  await post(emulator.url, [trace('c'), trace('d')])
  t.strictSame(await messages(), ['b', 'c', 'd'], 'the store holds three')
  emulator.clear()
  t.strictSame(await messages(), [])
  await post(emulator.url, [trace('e')])
  t.strictSame(await messages(), ['e'])
})

t.test('search looks into every table, dimensions included', async t => {
  t.strictSame((await emulator.query('search "acme" | project $table')).rows, [['requests']])
  t.strictSame((await emulator.query('search in (traces, exceptions) "user" | summarize count() by $table | sort by $table asc')).rows, [['exceptions', 1], ['traces', 1]])
})

// Application Insights for a Fastify service: workspace, resource, alerts and workbook.
//
//   az deployment group create --resource-group shop --template-file main.bicep \
//     --parameters name=shop alertEmail=oncall@example.com

@description('Prefix of all names.')
param name string

param location string = resourceGroup().location

@description('Gigabytes a day after which Azure stops accepting rows until the next day. -1 means no cap.')
param dailyCapGb int = 5

@description('Days that rows are kept.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

@description('Receives the alerts. Empty: the alerts only show up in the portal.')
param alertEmail string = ''

@description('Principal ID of the app\'s managed identity, which may then send rows without a key. Empty: nobody.')
param appPrincipalId string = ''

@description('true: rows are accepted from managed identities only, so the app has to pass a credential.')
param disableLocalAuth bool = false

@description('Percentage of failed requests above which the first alert fires.')
param failedPercent int = 5

@description('Milliseconds of the 95th percentile above which the second alert fires.')
param slowMilliseconds int = 1000

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${name}-logs'
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    workspaceCapping: { dailyQuotaGb: dailyCapGb }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: '${name}-insights'
  location: location
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: disableLocalAuth
  }
}

// Monitoring Metrics Publisher, which is what sending rows requires.
var publisherRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appPrincipalId != '') {
  name: guid(insights.id, appPrincipalId, publisherRole)
  scope: insights
  properties: {
    roleDefinitionId: publisherRole
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (alertEmail != '') {
  name: '${name}-oncall'
  location: 'global'
  properties: {
    groupShortName: take(name, 12)
    enabled: true
    emailReceivers: [
      { name: 'oncall', emailAddress: alertEmail, useCommonAlertSchema: true }
    ]
  }
}

var alerts = [
  {
    suffix: 'failure-rate'
    description: 'More requests fail than usual.'
    severity: 1
    query: loadTextContent('queries/alert-failure-rate.kql')
    column: 'FailedPercent'
    operator: 'GreaterThan'
    threshold: failedPercent
  }
  {
    suffix: 'slow'
    description: 'Requests are slow.'
    severity: 2
    query: loadTextContent('queries/alert-slow.kql')
    column: 'P95'
    operator: 'GreaterThan'
    threshold: slowMilliseconds
  }
  {
    suffix: 'silence'
    description: 'No rows arrive.'
    severity: 1
    query: loadTextContent('queries/alert-silence.kql')
    column: 'Rows'
    operator: 'LessThan'
    threshold: 1
  }
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in alerts: {
  name: '${name}-${alert.suffix}'
  location: location
  properties: {
    displayName: '${name}: ${alert.description}'
    severity: alert.severity
    enabled: true
    scopes: [insights.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Maximum'
          metricMeasureColumn: alert.column
          operator: alert.operator
          threshold: alert.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: alertEmail != '' ? [actionGroup.id] : [] }
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(insights.id, 'fastify')
  location: location
  kind: 'shared'
  properties: {
    displayName: '${name}: Fastify services'
    category: 'workbook'
    sourceId: insights.id
    version: '1.0'
    serializedData: loadTextContent('workbook.json')
  }
}

@description('Set it as APPLICATIONINSIGHTS_CONNECTION_STRING. It is a secret.')
output connectionString string = insights.properties.ConnectionString

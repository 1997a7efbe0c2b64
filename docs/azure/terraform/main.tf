# Application Insights for a Fastify service: workspace, resource, alerts and workbook.

terraform {
  required_version = ">= 1.5"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.0"
    }
  }
}

resource "azurerm_log_analytics_workspace" "this" {
  name                = "${var.name}-logs"
  location            = var.location
  resource_group_name = var.resource_group_name
  sku                 = "PerGB2018"
  retention_in_days   = var.retention_in_days
  daily_quota_gb      = var.daily_cap_gb
}

resource "azurerm_application_insights" "this" {
  name                          = "${var.name}-insights"
  location                      = var.location
  resource_group_name           = var.resource_group_name
  application_type              = "web"
  workspace_id                  = azurerm_log_analytics_workspace.this.id
  local_authentication_disabled = var.disable_local_auth
}

# Sending rows requires this role.
resource "azurerm_role_assignment" "publisher" {
  count                = var.app_principal_id == "" ? 0 : 1
  scope                = azurerm_application_insights.this.id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = var.app_principal_id
}

resource "azurerm_monitor_action_group" "oncall" {
  count               = var.alert_email == "" ? 0 : 1
  name                = "${var.name}-oncall"
  resource_group_name = var.resource_group_name
  short_name          = substr(var.name, 0, 12)

  email_receiver {
    name                    = "oncall"
    email_address           = var.alert_email
    use_common_alert_schema = true
  }
}

locals {
  alerts = {
    failure-rate = {
      description = "More requests fail than usual."
      severity    = 1
      column      = "FailedPercent"
      operator    = "GreaterThan"
      threshold   = var.failed_percent
    }
    slow = {
      description = "Requests are slow."
      severity    = 2
      column      = "P95"
      operator    = "GreaterThan"
      threshold   = var.slow_milliseconds
    }
    silence = {
      description = "No rows arrive."
      severity    = 1
      column      = "Rows"
      operator    = "LessThan"
      threshold   = 1
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "this" {
  for_each                = local.alerts
  name                    = "${var.name}-${each.key}"
  display_name            = "${var.name}: ${each.value.description}"
  location                = var.location
  resource_group_name     = var.resource_group_name
  scopes                  = [azurerm_application_insights.this.id]
  severity                = each.value.severity
  evaluation_frequency    = "PT5M"
  window_duration         = "PT15M"
  auto_mitigation_enabled = true

  criteria {
    query                   = file("${path.module}/../queries/alert-${each.key}.kql")
    time_aggregation_method = "Maximum"
    metric_measure_column   = each.value.column
    operator                = each.value.operator
    threshold               = each.value.threshold

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = azurerm_monitor_action_group.oncall[*].id
  }
}

resource "azurerm_application_insights_workbook" "this" {
  name                = uuidv5("url", "${azurerm_application_insights.this.id}/fastify")
  location            = var.location
  resource_group_name = var.resource_group_name
  display_name        = "${var.name}: Fastify services"
  source_id           = lower(azurerm_application_insights.this.id)
  data_json           = file("${path.module}/../workbook.json")
}

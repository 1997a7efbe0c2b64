output "connection_string" {
  value       = azurerm_application_insights.this.connection_string
  sensitive   = true
  description = "Set it as APPLICATIONINSIGHTS_CONNECTION_STRING."
}

variable "name" {
  type        = string
  description = "Prefix of all names."
}

variable "location" {
  type = string
}

variable "resource_group_name" {
  type = string
}

variable "daily_cap_gb" {
  type        = number
  default     = 5
  description = "Gigabytes a day after which Azure stops accepting rows until the next day. -1 means no cap."
}

variable "retention_in_days" {
  type        = number
  default     = 30
  description = "Days that rows are kept, from 30 to 730."
}

variable "alert_email" {
  type        = string
  default     = ""
  description = "Receives the alerts. Empty: the alerts only show up in the portal."
}

variable "app_principal_id" {
  type        = string
  default     = ""
  description = "Principal ID of the app's managed identity, which may then send rows without a key. Empty: nobody."
}

variable "disable_local_auth" {
  type        = bool
  default     = false
  description = "true: rows are accepted from managed identities only, so the app has to pass a credential."
}

variable "failed_percent" {
  type        = number
  default     = 5
  description = "Percentage of failed requests above which the first alert fires."
}

variable "slow_milliseconds" {
  type        = number
  default     = 1000
  description = "Milliseconds of the 95th percentile above which the second alert fires."
}

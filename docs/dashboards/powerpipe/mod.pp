mod "am" {
  title       = "AM sessions"
  description = "Who is logged in to PingAM, ForgeRock AM, PingOne Advanced Identity Cloud and OpenAM: dashboards and a benchmark."
  color       = "#b3282d"
  categories  = ["security", "dashboard", "identity"]
  database    = var.database
}

variable "database" {
  type        = connection.postgres
  description = "The PostgreSQL database that has the schema amsql."
  default     = connection.postgres.default
}

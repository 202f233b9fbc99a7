mod "am" {
  title       = "AM sessions"
  description = "Who is logged in to PingAM, ForgeRock AM, PingOne Advanced Identity Cloud and OpenAM: dashboards and a benchmark."
  color       = "#b3282d"
  categories  = ["security", "dashboard", "identity"]
}

package am_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
	"github.com/amsql/steampipe-plugin-am/am/internal/postgrestest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// furnish adds what the examples look for to a server: limits, properties, an inactive realm, and sessions of disabled
// and deleted users. These are in a small realm, because in a truncated list the new sessions of a deleted user would
// be missing.
func furnish(t *testing.T, server *simulator.Server, address string) {
	t.Helper()
	for _, name := range []string{"leaver", "suspect"} {
		must(t, server.AddUser("/alpha/nested", name, "changeit"))
		_, err := server.Login("/alpha/nested", name)
		must(t, err)
	}
	must(t, server.DeleteUser("/alpha/nested", "leaver"))
	must(t, server.DisableUser("/alpha/nested", "suspect"))
	user, password := server.Admin()
	admin := openamtest.ConnectTo(t, address, user, password)
	must(t, admin.AddSessionService(t.Context(), "/bravo", 10, 45, 3))
	must(t, admin.CreateWhitelist(t.Context(), "/", "AMCtxId", "AuthLevel", "LoginLocation"))
	must(t, admin.DeactivateRealm(t.Context(), "/alpha/nested"))
}

// A role belongs to all databases of a cluster.
func TestAccountOfTheDashboardsIsMadeInEachDatabaseOfACluster(t *testing.T) {
	script, err := os.ReadFile("../docs/dashboards/reader.sql")
	must(t, err)
	first := postgrestest.Connect(t)
	for _, name := range []string{"audit_east", "audit_west"} {
		_, err := first.Exec(t.Context(), "create database "+name)
		must(t, err)
		config := first.Config()
		config.Database = name
		conn, err := pgx.ConnectConfig(t.Context(), config)
		must(t, err)
		for _, statement := range []string{"create schema amsql", string(script), string(script)} {
			_, err := conn.Exec(t.Context(), statement)
			must(t, err)
		}
		must(t, conn.Close(t.Context()))
	}
}

package am_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am"
	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

// rootCap is AM's default list cap.
const rootCap = 120

// fullRoot returns a server whose root realm has these numbers of sessions of its administrator and of three others
// together, which may reach the cap. There are two more in /alpha.
func fullRoot(t *testing.T, own, others int) (*simulator.Server, connection.Config) {
	t.Helper()
	sim, address := server(t, simulator.Options{Realms: 3})
	logIn(t, sim, "/alpha", "anna", "berta")
	config := asAdministrator(t, sim, address)
	name, _ := sim.Admin()
	for range own - 1 {
		_, err := sim.Login("/", name)
		must(t, err)
	}
	for i := range others {
		logIn(t, sim, "/", fmt.Sprint("operator", i%3))
	}
	return sim, config
}

// rootLists counts the lists of the root realm's sessions.
func rootLists(sim *simulator.Server) (lists int) {
	for _, r := range sim.Requests() {
		parameters, _ := url.ParseQuery(r.Query)
		if strings.Contains(parameters.Get("_queryFilter"), `realm eq "/"`) {
			lists++
		}
	}
	return lists
}

func TestAFullRootRealmIsNotAskedForOthers(t *testing.T) {
	sim, config := fullRoot(t, rootCap+10, 0)
	for _, h := range []host{newPluginHost(t, config), newEngineHost(t, config)} {
		for _, q := range []question{
			{realm: []string{"/alpha"}},
			{realm: []string{"/alpha", "/bravo"}},
			{realm: []string{"/alpha"}, username: []string{"anna", "berta"}},
			{conditions: []*proto.Qual{qual("realm", "<>", "/")}},
			{conditions: []*proto.Qual{qual("realm", "<>", "/"), qual("realm", "<>", "/bravo"), qual("username", "<>", "carla")}},
			{table: "am_session_scan", columns: []string{"realm"}, conditions: []*proto.Qual{qual("realm", "<>", "/"), qual("realm", "<>", "/alpha")}},
		} {
			sim.ResetRequests()
			rows, err := h.ask(t.Context(), q)
			if err != nil || len(rows) != 2 || rootLists(sim) > 0 {
				t.Errorf("%T: %s gives %d rows (%v) and asks %d times for the root realm, want 2 rows and no such request", h, q.sql(), len(rows), err, rootLists(sim))
			}
		}
		if rows, err := h.ask(t.Context(), question{conditions: []*proto.Qual{qual("realm", "<>", "/ALPHA"), qual("username", "=", "anna")}}); err != nil || len(rows) > 1 {
			t.Errorf("%T gives %d rows (%v)", h, len(rows), err)
		}
	}
}

// If several administrators fill the root realm's list, it is completed by identity. If one of them has as many
// sessions as a list can contain, some are missing: queries that need them fail with an error that names the user.
func TestAFullRootRealmIsCompleteOrAnError(t *testing.T) {
	for _, c := range []struct {
		own, others int
		policy      string
		rows        int
		fails       string
		notice      string
	}{
		{own: 40, others: 90, rows: 133, notice: `AM truncated the session list of realm /, or may have, so amsql looked up every known user by name`},
		{own: 119, others: 60, rows: 182, notice: `AM truncated the session list of realm /, or may have, so amsql looked up every known user by name`},
		{own: 130, fails: `realm /: the list is truncated at 120 of an unknown number, and user "amadmin" has 120 sessions or more`},
		{own: 130, others: 500, fails: `and 1 more have 120 sessions or more`},
		{own: 130, policy: "warn", rows: 123, notice: `and user "amadmin" has 120 sessions or more`},
	} {
		_, config := fullRoot(t, c.own, c.others)
		if c.policy != "" {
			config.OnTruncation = &c.policy
		}
		var notices []string
		conn, err := connection.Open(connectionName, config, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
		must(t, err)
		rows := 0
		for _, err = range am.Tables(conn)[0].Rows(t.Context(), table.Query{}) {
			if err == nil {
				rows++
			}
		}
		if (c.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fails) || err == nil && rows != c.rows {
			t.Errorf("%+v: %d rows, %v", c, rows, err)
		}
		if all := strings.Join(notices, "\n"); c.notice == "" && all != "" || !strings.Contains(all, c.notice) {
			t.Errorf("%+v: the notices are %q", c, all)
		}
		must(t, conn.Close(t.Context()))
	}
}

// If realms cannot be listed, only the root realm is, and a query for other realms must not silently return no rows.
func TestRealmsThatCannotBeListedAreMissedAloud(t *testing.T) {
	sim, config := fullRoot(t, 1, 0)
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/global-config/realms") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"code":403,"reason":"Forbidden","message":"The user has insufficient privileges"}`))
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(closed.Close)
	address := closed.URL + sim.ContextPath()
	config.BaseURL = &address
	var notices []string
	conn, err := connection.Open(connectionName, config, connection.Host{Notify: func(notice string) { notices = append(notices, notice) }})
	must(t, err)
	for _, err := range am.Tables(conn)[0].Rows(t.Context(), table.Query{Except: []table.Qual{{Column: "realm", Values: []any{"/"}}}}) {
		must(t, err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "may not list realms") {
		t.Errorf("the notices are %q", notices)
	}
	must(t, conn.Close(t.Context()))
}

package am_test

import (
	"context"
	"testing"
	"time"

	"github.com/turbot/steampipe-plugin-sdk/v5/anywhere"
	"github.com/turbot/steampipe-plugin-sdk/v5/grpc/proto"

	"github.com/amsql/steampipe-plugin-am/am/connection"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A rate limiter that a user of Steampipe has configured counts every request to AM.
func TestALimiterOfSteampipeCountsEachRequest(t *testing.T) {
	sim, url := server(t, simulator.Options{Realms: 3, Users: 20, Sessions: 100, ListCap: 30})
	h := newPluginHost(t, asAdministrator(t, sim, url))
	limit := func(requests int) {
		definition := &proto.RateLimiterDefinition{
			Name: "am", FillRate: 1e-6, BucketSize: int64(requests), Scope: []string{"connection"}, Where: "service = 'am' and \"table\" = 'am_session'",
		}
		_, err := h.server.SetRateLimiters(&proto.SetRateLimitersRequest{Definitions: []*proto.RateLimiterDefinition{definition}})
		must(t, err)
	}
	rows, err := h.ask(t.Context(), question{}) // learns what later scans need not ask for
	must(t, err)
	sim.ResetRequests()
	_, err = h.ask(t.Context(), question{})
	must(t, err)
	needed := len(sim.Requests())
	if needed < 30 {
		t.Fatalf("a scan of cut lists takes %d requests only", needed)
	}

	limit(needed)
	if got, err := h.ask(t.Context(), question{}); err != nil || len(got) != len(rows) {
		t.Errorf("with %d requests allowed: %d rows (%v), want %d", needed, len(got), err, len(rows))
	}
	limit(needed - 1)
	sim.ResetRequests()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		for len(sim.Requests()) < needed-1 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond) // long enough for one more request
		cancel()
	}()
	if got, err := h.ask(ctx, question{}); err == nil || len(got) > 0 || len(sim.Requests()) != needed-1 {
		t.Errorf("with one request fewer allowed: %d rows (%v) after %d requests, want an error after %d", len(got), err, len(sim.Requests()), needed-1)
	}
	if _, err := h.ask(t.Context(), question{table: "am_realm", columns: []string{"path"}}); err != nil {
		t.Errorf("another table: %v", err)
	}
}

// With a condition on base_url, the other deployments of an aggregator are not queried, however the host sends it.
func TestAConditionOnTheAddressPrunesAnAggregator(t *testing.T) {
	east, eastURL := server(t, simulator.Options{Realms: 2})
	west, westURL := server(t, simulator.Options{Realms: 2})
	logIn(t, east, "/alpha", "anna")
	logIn(t, west, "/alpha", "anna", "berta")
	h := newPluginHost(t, connection.Config{})
	named := func(name string, c connection.Config) *proto.ConnectionConfig {
		of := connectionConfig(c)
		of.Connection = name
		return of
	}
	_, err := h.server.SetAllConnectionConfigs(&proto.SetAllConnectionConfigsRequest{Configs: []*proto.ConnectionConfig{
		named("east", asAdministrator(t, east, eastURL)), named("west", asAdministrator(t, west, westURL)),
	}})
	must(t, err)
	for _, c := range []struct {
		condition          *proto.Qual
		wantEast, wantWest bool
	}{
		{qual("base_url", "=", eastURL), true, false},
		{qual("base_url", "=", westURL, "https://elsewhere.example.com/am"), false, true},
		{qual("base_url", "=", eastURL, westURL), true, true},
		{qual("base_url", "<>", eastURL), false, true},
		{qual("base_url", "=", "?"), true, true},
		{qual("base_url", "<>", eastURL, westURL), true, true}, // the form of <> ANY
		{qual("base_url", "~~", "http://127%"), true, true},
	} {
		east.ResetRequests()
		west.ResetRequests()
		request := question{realm: []string{"/alpha"}, conditions: []*proto.Qual{c.condition}}.request()
		data := request.GetExecuteConnectionData()[connectionName]
		request.ExecuteConnectionData = map[string]*proto.ExecuteConnectionData{"east": data, "west": data}
		stream := anywhere.NewLocalPluginStream(t.Context())
		h.server.CallExecuteAsync(request, stream)
		rows, err := received(stream.Recv)
		must(t, err)
		want := 0
		if c.wantEast {
			want++
		}
		if c.wantWest {
			want += 2
		}
		asked := [2]bool{len(east.Requests()) > 0, len(west.Requests()) > 0}
		if len(rows) != want || asked != [2]bool{c.wantEast, c.wantWest} {
			t.Errorf("%v: %d rows, want %d; asked %v", c.condition, len(rows), want, asked)
		}
	}
}

package methods_test

import (
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/methods"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

func TestWhatAConditionMentionsMustBeOnOneConnection(t *testing.T) {
	prod, stage, both := newEstate(t)
	must(t, stage.server.AddUser("/alpha", "tester", "changeit"))
	found := map[string][]methods.Session{"prod": {{Handle: "shandle:found", Username: "deleted", Realm: "/alpha"}}}
	for _, c := range []struct {
		mentioned methods.Mentioned
		says      string // the error
		notices   string // the notices, without the server's name before them
	}{
		{methods.Mentioned{Users: []string{"LEAVER"}, Realms: []string{"alpha"}}, "", ""},
		{methods.Mentioned{Users: []string{"nosuch"}, Realms: []string{"alpha"}}, `user "nosuch" in realm /alpha not found in prod (http`, ""},
		{methods.Mentioned{Users: []string{"nosuch", "tester"}}, `user "nosuch" not found in prod (http`, ""},
		{methods.Mentioned{Users: []string{"tester"}}, "", `user "tester" not found in prod (`},
		{methods.Mentioned{Users: []string{"Deleted"}}, "", `user "Deleted" not found in stage (`},
		{methods.Mentioned{Logins: []string{"leaver"}}, "", ""},
		{methods.Mentioned{Logins: []string{"nosuch"}}, `user "nosuch" not found in prod (http`, ""},
		{methods.Mentioned{Users: []string{""}}, `user "" not found in prod (http`, ""},
		{methods.Mentioned{Realms: []string{"/nosuch"}, Users: []string{"leaver"}}, "realm /nosuch not found in prod (http", ""},
		{methods.Mentioned{Handles: []string{prod.server.Sessions()[0].Handle}}, "", "session handle "},
		{methods.Mentioned{Handles: []string{"shandle:found", "shandle:nosuch", "shandle:neither"}}, "session handle ", ""},
		{methods.Mentioned{Users: []string{"amadmin"}, Realms: []string{"/"}}, "", ""},
	} {
		prod.notices = nil
		err := both.FindMentioned(t.Context(), []methods.Mentioned{c.mentioned}, found)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c.mentioned, err)
		}
		if got := strings.Join(prod.notices, "\n"); c.notices == "" && got != "" || !strings.HasPrefix(got, c.notices) {
			t.Errorf("%+v: notices %q", c.mentioned, got)
		}
	}
	if n := len(prod.changing()) + len(stage.changing()); n > 0 {
		t.Errorf("%d requests that change something", n)
	}
}

func TestALoginNameOfAConditionIsFoundThoughSessionsHaveAnother(t *testing.T) {
	w := newWorld(t, simulator.Options{Profile: "aic", Realms: 1, Users: 3, Seed: 1})
	all := methods.Terminators{w.Terminator}
	if err := all.FindMentioned(t.Context(), []methods.Mentioned{{Logins: []string{"AJensen"}}}, nil); err != nil {
		t.Errorf("as a login name: %v", err)
	}
	if err := all.FindMentioned(t.Context(), []methods.Mentioned{{Users: []string{"AJensen"}}}, nil); err == nil {
		t.Error("as the name of sessions, it is found")
	}
}

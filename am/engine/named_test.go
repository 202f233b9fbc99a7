package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/engine"
)

func TestAConditionNamesWhatItComparesColumnsWith(t *testing.T) {
	for condition, want := range map[string]string{
		`username = 'anna'`: "[map[username:[anna]]]",
		`(('o''brien' == (am_session."UserName" collate nocase))) -- him`:                     "[map[username:[o'brien]]]",
		`username in ('anna', lower('X'), 'bert') and realm is 'alpha'`:                       "[map[realm:[alpha] username:[anna bert]]]",
		`username is not distinct from 'anna'`:                                                "[map[username:[anna]]]",
		`realm = '/alpha' and (username = 'anna' or login_name = 'bert')`:                     "[map[realm:[/alpha] username:[anna]] map[login_name:[bert] realm:[/alpha]]]",
		`username = 'anna' or is_expired`:                                                     "[map[username:[anna]] map[]]",
		`(username, realm) = ('anna', '/alpha')`:                                              "[map[realm:[/alpha] username:[anna]]]",
		`(username, realm) in (('anna', '/alpha'))`:                                           "[map[realm:[/alpha] username:[anna]]]",
		`username <> 'anna' and username is not 'bert' and username is distinct from 'carol'`: "[map[]]",
		`not username = 'anna' or username not in ('bert') or username > 'carol'`:             "[map[] map[] map[]]",
		`username like 'anna' and lower(username) = 'bert' and username between 'a' and 'b'`:  "[map[]]",
		`username in (select username from leavers where username = 'anna')`:                  "[map[]]",
		`case username when 'anna' then true end`:                                             "[map[]]",
	} {
		got, err := engine.Named(condition)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", condition, got, err, want)
		}
	}
	many := "username = 'x'" + strings.Repeat(" and (realm = 'a' or realm = 'b')", 30)
	if got, err := engine.Named(many); err != nil || len(got) > 200 {
		t.Errorf("%d alternatives, %v", len(got), err)
	}
	if got, err := engine.Named(`a = 'b') or (c = 'd'`); err == nil {
		t.Errorf("what is not one condition names %v", got)
	}
}

package cts

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOfSeveralContainersTheOneThatTheAccountSeesIsRead(t *testing.T) {
	d := startDirectory(t, nil)
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	d.others = map[string]bool{container + ",cn=other": false}
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 1 {
		t.Errorf("the other is hidden: %d rows, %v", len(rows), err)
	}
	d.others[container+",cn=other"] = true
	rows, err = collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err == nil || !strings.Contains(err.Error(), testBase) || !strings.Contains(err.Error(), ",cn=other") || !strings.Contains(err.Error(), "set token_store_base_dn") {
		t.Errorf("both are shown: %d rows, %v, want an error", len(rows), err)
	}
}

func TestAnEmptyAnswerIsBelievedOnlyWhereTheStoreIsEmpty(t *testing.T) {
	d := startDirectory(t, nil)
	rows, err := collect(d.store(t).Sessions(t.Context(), nil, nil))
	if err != nil || len(rows) != 0 {
		t.Errorf("an empty store: %d rows, %v", len(rows), err)
	}
	d.entries = append(d.entries, login(1, "bjensen", "/", now))
	d.hidden = true
	for name, base := range map[string]string{"found": "", "named": testBase} {
		rows, err = collect(d.store(t, func(c *Config) { c.BaseDN = base }).Sessions(t.Context(), nil, nil))
		if err == nil || !strings.Contains(err.Error(), testReader+" cannot see any session") || len(rows) != 0 {
			t.Errorf("a store that hides its sessions, its base %s: %d rows, %v", name, len(rows), err)
		}
	}
	d.hidden = false
	rows, err = collect(d.store(t).Sessions(t.Context(), []string{"/none"}, nil))
	if err != nil || len(rows) != 0 {
		t.Errorf("a realm without sessions: %d rows, %v", len(rows), err)
	}
}

func TestTheContainerIsFoundBelowWhateverSuffixTheServerHas(t *testing.T) {
	for suffix, want := range map[string]string{
		"dc=example,dc=com": container + ",dc=example,dc=com",
		"ou=tokens":         container,
		"OU=tokens,dc=x":    "ou=famrecords,ou=openam-session,OU=tokens,dc=x",
		container:           container,
		"ou=tokens2":        container + ",ou=tokens2",
	} {
		if got := below(suffix); got != want {
			t.Errorf("%s: %s, want %s", suffix, got, want)
		}
	}
}

// If an account may not read an attribute, the directory returns no value for it, and treats filters on it as not
// matching.
func TestAnAttributeThatIsHiddenIsAnErrorAndNoShorterList(t *testing.T) {
	for name, write := range map[string]func(int, string, string, time.Time) map[string][]string{openAM.name: login, pingAM.name: ping} {
		for attribute := range write(1, "", "/", now) {
			d := startDirectory(t, nil)
			for i := range 3 {
				e := write(i, "bjensen", "/alpha", now)
				delete(e, attribute)
				d.entries = append(d.entries, e)
			}
			if attribute == "coretokenid" {
				continue // it is part of the entry's name
			}
			rows, err := collect(d.store(t).Sessions(t.Context(), []string{"/alpha"}, nil))
			if len(rows) != 3 && err == nil {
				t.Errorf("%s without %s: %d rows and no error", name, attribute, len(rows))
			}
			if needed := slices.ContainsFunc(tellTale, func(n string) bool { return strings.EqualFold(n, attribute) }); needed && err == nil && attribute != "coretokenstring13" {
				t.Errorf("%s without %s: no error", name, attribute)
			}
		}
	}
}

package am_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/cts"
	"github.com/amsql/steampipe-plugin-am/am/internal/openamtest"
)

const allMayList = `(targetattr="*||+")(version 3.0; acl "all may list"; allow (read,search,compare) userdn="ldap:///uid=*,` +
	openamtest.RootSuffix + `";)`

// limitsCostNoSessions uses more sessions than an ordinary account may search or get in one answer.
func (d *directory) limitsCostNoSessions(t *testing.T) {
	d.change(t, storedBelow, "add", "aci", allMayList)
	one := found(t, d.manager, storedBelow, ldap.ScopeSingleLevel, "(coreTokenUserId=id=plain,*)", "*")[0]
	began := time.Now().Add(time.Hour)
	for i := range 5200 {
		id := fmt.Sprintf("clone%d", i)
		expires := began.Add(time.Duration(i) * 700 * time.Millisecond).UTC().Format("20060102150405.000Z")
		clone := ldap.NewEntry("coreTokenId="+id+","+storedBelow, map[string][]string{
			"objectClass": {"top", "frCoreToken"}, "coreTokenId": {id}, "coreTokenType": {"SESSION"},
			"coreTokenString03": {"shandle:" + id}, "coreTokenExpirationDate": {expires},
		})
		for _, a := range one.Attributes {
			if clone.GetAttributeValue(a.Name) == "" {
				clone.Attributes = append(clone.Attributes, a)
			}
		}
		d.add(t, clone)
	}
	want := d.whole(t)
	for name, limits := range map[string][]string{
		"none":                           unlimited,
		"those of every account":         nil,
		"size":                           unlimited[1:],
		"lookthrough":                    {unlimited[0], unlimited[2]},
		"lookthrough, few":               {unlimited[0], "ds-rlim-lookthrough-limit: 500", unlimited[2]},
		"no unindexed searches":          unlimited[:2],
		"no unindexed searches and size": {"ds-rlim-size-limit: 600", unlimited[1]},
	} {
		account := d.account(t, "limit-"+strings.NewReplacer(" ", "-", ",", "").Replace(name), limits...)
		store := d.store(t, func(config *cts.Config) { config.BindDN = account })
		rows, err := handles(t, store)
		if diff := cmp.Diff(want, rows); err != nil || diff != "" {
			t.Errorf("%s: %v, %d rows, want %d", name, err, len(rows), len(want))
		}
		t.Logf("%s: %d rows in %d searches", name, len(rows), store.Searches())
	}
	d.timeLimitCostsNoSessions(t)
}

// timeLimitCostsNoSessions stops the server for a while during a list.
func (d *directory) timeLimitCostsNoSessions(t *testing.T) {
	account := d.account(t, "limit-time", append(slices.Clone(unlimited), "ds-rlim-time-limit: 1")...)
	store := d.store(t, func(config *cts.Config) { config.BindDN = account })
	want, rows := len(d.whole(t)), 0
	for _, err := range store.Sessions(t.Context(), nil, nil) {
		must(t, err)
		if rows++; rows == 1 {
			must(t, d.Freeze(1500*time.Millisecond))
		}
	}
	if rows != want || store.Searches() <= 4 {
		t.Errorf("%d rows in %d searches, want %d and more searches than without a limit", rows, store.Searches(), want)
	}
}

var unlimited = []string{"ds-rlim-size-limit: 0", "ds-rlim-lookthrough-limit: 0", "ds-privilege-name: unindexed-search"}

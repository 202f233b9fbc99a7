package rest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSignInIsReadFromTheProperties(t *testing.T) {
	// The names and the formats of the values are those of OpenAM 16.0.5 (measured); in AM's source, one text can
	// contain several levels.
	for _, c := range []struct {
		properties string
		want       SignIn
	}{
		{`null`, SignIn{}},
		{`{}`, SignIn{}},
		{`{"AMCtxId":"","AuthLevel":"","authInstant":"","Host":"","AuthType":"","Service":""}`, SignIn{}},
		{`{"AMCtxId":"d0c8a2f1-12","AuthLevel":"0","AuthType":"DataStore","Service":"ldapService","Host":"192.0.2.7","authInstant":"2026-11-28T07:13:54Z","place":"x"}`, SignIn{
			CreationTime: time.Date(2026, 11, 28, 7, 13, 54, 0, time.UTC), AuthLevel: new(0), AuthType: "DataStore", Service: "ldapService",
			ClientIP: "192.0.2.7", TrackingID: "d0c8a2f1-12",
		}},
		{`{"authInstant":"2026-11-28T08:13:54+01:00"}`, SignIn{CreationTime: time.Date(2026, 11, 28, 7, 13, 54, 0, time.UTC)}},
		{`{"authInstant":"today","AuthLevel":"high","Host":null,"Service":["a"]}`, SignIn{}},
		{`{"AuthLevel":"-1"}`, SignIn{AuthLevel: new(-1)}},
		{`{"AuthLevel":"/alpha:5"}`, SignIn{AuthLevel: new(5)}},
		{`{"AuthLevel":"0|/alpha:10|/bravo:7"}`, SignIn{AuthLevel: new(10)}},
		{`{"AuthLevel":"3|/alpha:high"}`, SignIn{}},
		{`{"AuthLevel":"99999999999"}`, SignIn{}},
		{`{"amctxid":"x","host":"192.0.2.7"}`, SignIn{}},
	} {
		var properties map[string]any
		if err := json.Unmarshal([]byte(c.properties), &properties); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, SignInOf(properties)); d != "" {
			t.Errorf("%s: %s", c.properties, d)
		}
	}
}

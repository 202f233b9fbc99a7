package render

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
)

func TestAProofPageShowsItsRecordAndNothingElseRuns(t *testing.T) {
	last := time.Date(2026, 11, 22, 11, 3, 0, 0, time.UTC)
	proof := &methods.Proof{
		Operation: `all sessions of "<script>alert(1)</script>"`, Reason: "INC-4711", Began: last, Finished: last.Add(time.Hour),
		Servers: []methods.ServerProof{{Connection: "prod", BaseURL: "https://am.example.com/am", Who: "kim as amadmin", Before: 1, Outcomes: []methods.SessionProof{
			{Username: "bkowalska", Realm: "/alpha", Session: "sha256:00", LatestAccess: &last, Outcome: methods.Ended, Checked: last.Add(time.Hour)},
		}}},
	}
	page, err := ProofHTML(proof)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"https://am.example.com/am", "kim as amadmin", "INC-4711", "bkowalska", "2026-11-22 11:03:00 UTC", "&lt;script&gt;", "default-src &#39;none&#39;"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(string(page), "<script") {
		t.Errorf("the page has a script")
	}
	record := regexp.MustCompile(`(?s)<pre>(.*?)</pre>`).FindSubmatch(page)
	digest := regexp.MustCompile(`<code>([0-9a-f]{64})</code>`).FindSubmatch(page)
	if record == nil || digest == nil {
		t.Fatalf("%s", page)
	}
	if sum := sha256.Sum256([]byte(html.UnescapeString(string(record[1])))); hex.EncodeToString(sum[:]) != string(digest[1]) {
		t.Errorf("the digest %s is not that of %s", digest[1], record[1])
	}
}

package methods_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/methods"
)

func TestAProofSaysWhatWasThereBeforeAndAfterOnEachServer(t *testing.T) {
	prod, stage, both := newEstate(t)
	began := time.Now()
	handle := prod.sessions("/alpha")[0].Handle
	outcomes, err := both.EndUser(t.Context(), "", "leaver")
	must(t, err)
	proof := both.Proof(`all sessions of <leaver>`, began, outcomes)
	text, err := proof.JSON()
	must(t, err)
	if strings.Contains(string(text), handle) || strings.Contains(string(text), "shandle:") || !strings.Contains(string(text), "<leaver>") {
		t.Errorf("%s", text)
	}
	var file struct {
		SHA256 string          `json:"sha256"`
		Proof  json.RawMessage `json:"proof"`
	}
	must(t, json.Unmarshal(text, &file))
	var line bytes.Buffer
	must(t, json.Compact(&line, file.Proof))
	if sum := sha256.Sum256(line.Bytes()); hex.EncodeToString(sum[:]) != file.SHA256 {
		t.Errorf("the digest is not that of the record: %s", text)
	}
	var read methods.Proof
	must(t, json.Unmarshal(file.Proof, &read))
	if len(read.Servers) != 2 || read.Reason != "INC-1" || len(read.Summary) != 2 || read.Finished.Before(read.Began) {
		t.Fatalf("%+v", read)
	}
	for i, w := range []*world{prod, stage} {
		s := read.Servers[i]
		if s.BaseURL != w.Client.BaseURL() || s.Who != "tester" || s.Before != 3 || s.After != w.of("leaver") || len(s.Outcomes) != 3 {
			t.Errorf("%+v", s)
		}
		for _, o := range s.Outcomes {
			if o.Outcome != methods.Ended || o.LatestAccess == nil || o.Ends == nil || o.Checked.Before(read.Began) || !strings.HasPrefix(o.Session, "sha256:") {
				t.Errorf("%+v", o)
			}
		}
	}
}

func TestAProofHasWhatIsLeft(t *testing.T) {
	prod, _, both := newEstate(t)
	stuck := prod.sessions("/alpha")
	outcomes, err := both.EndSessions(t.Context(), []methods.Session{{Handle: stuck[0].Handle}, {Handle: "shandle:nosuch"}})
	must(t, err)
	proof := both.Proof("handles", time.Now(), outcomes)
	if s := proof.Servers[0]; s.Before != 1 || s.After != 0 || len(proof.NotFound) != 1 || len(proof.Servers[1].Outcomes) != 0 {
		t.Errorf("%+v", proof)
	}
	both[0].DryRun, both[1].DryRun = true, true
	outcomes, err = both.EndUser(t.Context(), "", "leaver")
	must(t, err)
	if proof := both.Proof("a user", time.Now(), outcomes); !proof.DryRun || proof.Servers[1].Before != 3 || proof.Servers[1].After != 3 {
		t.Errorf("%+v", proof)
	}
}

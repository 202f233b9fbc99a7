package inventory_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

const capPath = "/global-config/services/session"

// Many rows of a join ask for the cap at once. Who waits for another's request waits no longer than its own context allows,
// and who gives up leaves the others an answer.
func TestAWaitForTheListCapEndsWithItsContext(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	must(t, err)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	inv := inventoryBehind(t, server, inventory.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, capPath) {
			asked <- struct{}{}
			select {
			case <-answer:
			case <-r.Context().Done():
			}
		}
		server.ServeHTTP(w, r)
	})
	first, giveUp := context.WithCancel(t.Context())
	failures := make(chan error, 3)
	listCap := func(ctx context.Context) {
		_, _, err := inv.ListCap(ctx)
		failures <- err
	}
	go listCap(first)
	<-asked
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	go listCap(ended)
	select {
	case err := <-failures:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the one that waits ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the one whose context has ended waits for another's request")
	}
	go listCap(t.Context())
	giveUp()
	if err := <-failures; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gives up ends with %v", err)
	}
	close(answer)
	if err := <-failures; err != nil {
		t.Errorf("the one that stays ends with %v", err)
	}
}

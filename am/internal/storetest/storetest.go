// Package storetest serves the token store of a simulated AM on a loopback port until the test ends.
package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// Serve serves the server's token store and returns its host and port.
func Serve(t testing.TB, server *simulator.Server) (store *simulator.TokenStore, address string) {
	t.Helper()
	store, err := server.NewTokenStore()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- store.Serve(listener) }()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return store, listener.Addr().String()
}

// Fingerprint returns the fingerprint of the store's certificate, in the form of the configuration.
func Fingerprint(store *simulator.TokenStore) string {
	sum := sha256.Sum256(store.Certificate())
	return hex.EncodeToString(sum[:])
}

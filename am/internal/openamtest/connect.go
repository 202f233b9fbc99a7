package openamtest

import (
	"context"
	"os"
	"testing"
	"time"
)

// The environment variables that tell tests where the real server is.
const (
	urlVariable      = "AMSQL_OPENAM_URL"
	usernameVariable = "AMSQL_OPENAM_USERNAME"
	passwordVariable = "AMSQL_OPENAM_PASSWORD"
	ldapVariable     = "AMSQL_OPENAM_LDAP"
)

// Environment returns the variables with which Connect finds the server, as NAME=value.
func (s *Server) Environment() []string {
	return []string{urlVariable + "=" + s.URL, usernameVariable + "=" + s.Username, passwordVariable + "=" + s.Password, ldapVariable + "=" + s.LDAP}
}

// Connect returns an administrator of the real server who is signed in until the test ends. If there is no server, it
// skips the test.
func Connect(t testing.TB) *Admin {
	t.Helper()
	address := os.Getenv(urlVariable)
	if address == "" {
		t.Skip("needs a real OpenAM: make openam-test")
	}
	return ConnectTo(t, address, os.Getenv(usernameVariable), os.Getenv(passwordVariable))
}

// ConnectTo does the same for any AM, such as a simulated one.
func ConnectTo(t testing.TB, address, user, password string) *Admin {
	t.Helper()
	admin := NewAdmin(address)
	if err := admin.SignIn(t.Context(), user, password); err != nil {
		t.Fatalf("sign in at %s: %v", address, err)
	}
	t.Cleanup(func() {
		// t.Context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := admin.SignOut(ctx); err != nil {
			t.Errorf("sign out: %v", err)
		}
	})
	return admin
}

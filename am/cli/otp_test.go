package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
	"github.com/amsql/steampipe-plugin-am/am/terminal"
)

func TestAOneTimePasswordIsAskedForOnATerminalAlone(t *testing.T) {
	code, err := totp.GenerateCode("JBSWY3DPEHPK3PXP", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		terminal bool
		status   int
		want     string
	}{
		{true, statusFine, "asks amadmin for a one-time password"},
		{false, statusFailed, "set totp_secret (AM_TOTP_SECRET) or otp (AM_OTP)"},
	} {
		connect(t, simulator.Options{Deployments: []string{"otp"}})
		streams := terminal.Streams{In: strings.NewReader(code + "\n"), InIsTerminal: c.terminal, ErrIsTerminal: c.terminal}
		_, errs, status := invoke(t, streams, "query", "--output", "json", "select path from am_realm")
		if status != c.status || !strings.Contains(errs, c.want) || strings.Contains(errs, code) {
			t.Errorf("terminal %v: status %d, %q; want %d and %q", c.terminal, status, errs, c.status, c.want)
		}
	}
}

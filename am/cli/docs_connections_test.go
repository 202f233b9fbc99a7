//go:build unix

package cli

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var (
	// deploymentBlock names simulated deployments, and a profile where it is not openam.
	deploymentBlock = regexp.MustCompile("(?s)```console ([\\w.,-]+)(?: ([\\w.-]+))?\n.*?```\n")

	// peer is an address that answered.
	peer = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// The commands of each kind of deployment in the guide print what stands there, on a simulation of it. Some are meant to fail.
func TestTheGuideToDeploymentsIsTrue(t *testing.T) {
	blocks := 0
	rewrite(t, "../../docs/connections.md", func(document []byte) []byte {
		return deploymentBlock.ReplaceAllFunc(document, func(block []byte) (ran []byte) {
			blocks++
			names := deploymentBlock.FindSubmatch(block)
			t.Run(string(names[1]), func(t *testing.T) {
				server := connect(t, simulator.Options{Profile: string(names[2]), Realms: 2, Users: 6, Sessions: 12, Seed: 1, Deployments: strings.Split(string(names[1]), ",")})
				useServiceAccount(t, server)
				ran = runAll(t, block)
			})
			return ran
		})
	})
	if blocks == 0 {
		t.Error("docs/connections.md has no deployment")
	}
}

// useServiceAccount connects by the server's service account, where it has one.
func useServiceAccount(t *testing.T, server *simulator.Server) {
	t.Helper()
	id, key := server.ServiceAccount()
	if id == "" {
		return
	}
	for name, value := range map[string]string{"AM_USERNAME": "", "AM_PASSWORD": "", "AM_SERVICE_ACCOUNT_ID": id, "AM_SERVICE_ACCOUNT_JWK": string(key)} {
		t.Setenv(name, value)
	}
}

// runAll is a block with what its commands print.
func runAll(t *testing.T, block []byte) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(string(block)) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		if strings.HasPrefix(line, "```console") {
			b.WriteString(line)
		}
		if !isCommand {
			continue
		}
		output, _ := process(t, "sh", "-c", command).CombinedOutput() // what it prints says whether it failed as it should
		b.WriteString(line)
		output = bytes.ReplaceAll(output, []byte(os.Getenv("AM_URL")), []byte("https://am.example.com/openam"))
		b.Write(peer.ReplaceAll(output, []byte("10.0.0.7:443")))
	}
	b.WriteString("```\n")
	return b.Bytes()
}

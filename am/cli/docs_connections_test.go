//go:build unix

package cli

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

var (
	// deploymentBlock matches the first line of a block: names of simulated deployments (standard means none), a
	// profile unless it is openam, and options of amsql simulate.
	deploymentBlock = regexp.MustCompile("(?s)```console ([\\w.,-]+)(?: (\\w[\\w.-]*))?((?: --[a-z-]+=\\d+)*)\n.*?```\n")

	// peer matches the address of a server that answered.
	peer = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// In the guide, the commands for each kind of deployment print what the page shows, on a simulation of the deployment.
// Some are meant to fail.
func TestTheGuideToDeploymentsIsTrue(t *testing.T) {
	blocks := 0
	rewrite(t, "../../docs/connections.md", func(document []byte) []byte {
		if all, run := bytes.Count(document, []byte("```console")), len(deploymentBlock.FindAll(document, -1)); run != all {
			t.Errorf("%d of %d console blocks name a deployment, so that they run", run, all)
		}
		return deploymentBlock.ReplaceAllFunc(document, func(block []byte) (ran []byte) {
			blocks++
			names := deploymentBlock.FindSubmatch(block)
			t.Run(string(names[1]), func(t *testing.T) {
				server := connect(t, optionsOf(t, string(names[1]), string(names[2]), strings.Fields(string(names[3]))))
				useServiceAccount(t, server)
				useTokenStore(t, server, map[string]string{
					"token-store-openam-13": "amsql-reader", "token-store-plain": "amsql-reader", "token-store-encrypted": "objects",
				}[string(names[1])])
				ran = runAll(t, block)
			})
			return ran
		})
	})
	if blocks == 0 {
		t.Error("docs/connections.md has no deployment")
	}
}

// optionsOf returns the options that the first line of a block asks for.
func optionsOf(t *testing.T, deployments, profile string, args []string) simulator.Options {
	t.Helper()
	options := simulator.Options{Profile: profile, Realms: 2, Seed: 1}
	if deployments != "standard" {
		options.Deployments = strings.Split(deployments, ",")
	}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.IntVar(&options.Users, "users", 6, "")
	flags.IntVar(&options.Sessions, "sessions", 12, "")
	flags.IntVar(&options.ListCap, "list-cap", 0, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return options
}

// useServiceAccount makes the connection use the server's service account, if it has one.
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

// runAll returns a block with the output of its commands.
func runAll(t *testing.T, block []byte) []byte {
	var b bytes.Buffer
	dir := t.TempDir()
	for line := range strings.Lines(string(block)) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		if strings.HasPrefix(line, "```console") {
			b.WriteString(line)
		}
		if !isCommand {
			continue
		}
		shell := process(t, "sh", "-c", command)
		shell.Dir = dir                     // the commands of a block have one folder
		output, _ := shell.CombinedOutput() // whether it failed as intended is in the output
		b.WriteString(line)
		output = bytes.ReplaceAll(output, []byte(os.Getenv("AM_URL")), []byte("https://am.example.com/openam"))
		b.Write(peer.ReplaceAll(output, []byte("10.0.0.7:443")))
	}
	b.WriteString("```\n")
	return b.Bytes()
}

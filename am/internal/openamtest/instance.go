package openamtest

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// instance describes a server to start: its software, its folder and its ports.
type instance struct {
	tomcat, openam, dir            string
	http, ldap, ldapAdmin, ldapJMX int
}

func (i *instance) url() string { return fmt.Sprintf("http://localhost:%d/am", i.http) }

func prepare(ctx context.Context, o Options) (i *instance, err error) {
	if o.BuildDir == "" {
		if o.BuildDir, err = BuildDir(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(o.BuildDir, 0o755); err != nil {
		return nil, err
	}
	fmt.Fprintln(o.Progress, "taking OpenAM and Tomcat from Maven, unless they are in", o.BuildDir)
	i = &instance{}
	if i.tomcat, err = tomcat.unpacked(ctx, o.BuildDir); err != nil {
		return nil, err
	}
	if i.openam, err = openam.unpacked(ctx, o.BuildDir); err != nil {
		return nil, err
	}
	if err := freePorts(ctx, &i.http, &i.ldap, &i.ldapAdmin, &i.ldapJMX); err != nil {
		return nil, err
	}
	if i.dir, err = os.MkdirTemp(o.BuildDir, "instance-"); err != nil {
		return nil, err
	}
	return i, i.create()
}

// serverXML configures a Tomcat with one application, no shutdown port, and one connector on loopback.
const serverXML = `<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="%d"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" autoDeploy="false">
        <Context path="/am" docBase="%s"/>
      </Host>
    </Engine>
  </Service>
</Server>
`

// create creates the folders of a Tomcat base and its configuration.
func (i *instance) create() error {
	for _, folder := range []string{"conf", "temp", "webapps"} {
		if err := os.Mkdir(filepath.Join(i.dir, folder), 0o755); err != nil {
			return err
		}
	}
	var docBase strings.Builder
	if err := xml.EscapeText(&docBase, []byte(i.openam)); err != nil {
		return err
	}
	server := fmt.Sprintf(serverXML, i.http, docBase.String())
	if err := os.WriteFile(filepath.Join(i.dir, "conf", "server.xml"), []byte(server), 0o600); err != nil {
		return err
	}
	web, err := os.ReadFile(filepath.Join(i.tomcat, "conf", "web.xml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(i.dir, "conf", "web.xml"), web, 0o600)
}

// jvmFlags allow OpenAM the access that it needs in Java 17, save a third of the processor time and memory of a short
// run, and make it independent of the machine's language and time zone.
var jvmFlags = []string{
	"--add-opens", "java.base/java.lang=ALL-UNNAMED",
	"--add-opens", "java.base/java.util=ALL-UNNAMED",
	"--add-exports", "java.base/sun.security.tools.keytool=ALL-UNNAMED",
	"--add-exports", "java.base/sun.security.x509=ALL-UNNAMED",
	"--add-exports", "java.xml/com.sun.org.apache.xerces.internal.dom=ALL-UNNAMED",
	"--add-exports", "java.management/sun.management=ALL-UNNAMED",
	"-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
	"-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-Duser.language=en", "-Duser.timezone=UTC",
}

// launch starts Tomcat and returns the number of its process. When the process ends, it calls ended with the reason.
func (i *instance) launch(ended context.CancelCauseFunc) (int, error) {
	bin := filepath.Join(i.tomcat, "bin")
	return begin(exec.Command(java(), append(jvmFlags[:len(jvmFlags):len(jvmFlags)],
		"-Duser.home="+i.dir,
		"-Djava.io.tmpdir="+filepath.Join(i.dir, "temp"),
		"-Dcatalina.home="+i.tomcat,
		"-Dcatalina.base="+i.dir,
		"-classpath", filepath.Join(bin, "bootstrap.jar")+string(os.PathListSeparator)+filepath.Join(bin, "tomcat-juli.jar"),
		"org.apache.catalina.startup.Bootstrap", "start")...), i.dir, ended)
}

func java() string {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return "java"
}

// freePorts finds a different free loopback port for each. They are below the range of ports for outgoing connections,
// because a port in that range may be in use when the server is ready to listen, some seconds later.
func freePorts(ctx context.Context, ports ...*int) error {
	const lowest, highest, tries = 20000, 32767, 1000
	found := 0
	for range tries {
		port := lowest + rand.IntN(highest-lowest+1)
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // not before all have been found
		*ports[found] = port
		if found++; found == len(ports) {
			return nil
		}
	}
	return fmt.Errorf("no %d free ports from %d to %d", len(ports), lowest, highest)
}

// tail returns the last lines of a file, if it can be read.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), lines)
}

func lastLines(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

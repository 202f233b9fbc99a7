package openamtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// mavenUnpack downloads an artifact into Maven's local repository, unless it is already there, and unpacks it.
const mavenUnpack = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"

// An artifact is an archive in a Maven repository, and the folder for its content.
type artifact struct {
	coordinates string
	root        string             // the only folder at the top of the archive; "" if there is none
	folder      string             // below the build folder
	adapt       func(string) error // changes the content before it is used; may be nil
}

var (
	tomcat = artifact{
		coordinates: "org.apache.tomcat:tomcat:10.1.48:tar.gz",
		root:        "apache-tomcat-10.1.48",
		folder:      "tomcat-10.1.48",
	}
	openam = artifact{
		coordinates: "org.openidentityplatform.openam:openam-server:16.0.5:war",
		folder:      "openam-16.0.5",
		adapt:       keepDirectoryOnLoopback,
	}
	opendj = artifact{
		coordinates: "org.openidentityplatform.opendj:opendj-server-legacy:5.0.3:zip",
		root:        "opendj",
		folder:      "opendj-5.0.3",
		adapt:       listenOnLoopback,
	}
)

// unpacked returns the folder with the artifact's content, and creates it the first time. A folder with its final name
// is complete, because it is filled under another name and then renamed.
func (a artifact) unpacked(ctx context.Context, build string) (string, error) {
	final := filepath.Join(build, a.folder)
	if exists(final) {
		return final, nil
	}
	part, err := os.MkdirTemp(build, a.folder+".part-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	content := filepath.Join(part, "content")
	if err := a.unpackInto(ctx, part, content); err != nil {
		return "", err
	}
	if a.adapt != nil {
		if err := a.adapt(content); err != nil {
			return "", fmt.Errorf("adapt %s: %w", a.folder, err)
		}
	}
	err = os.Rename(filepath.Join(content, a.root), final)
	if err != nil && exists(final) { // another run was faster
		return final, nil
	}
	return final, err
}

func (a artifact) unpackInto(ctx context.Context, work, content string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "-Dstyle.color=never",
		mavenUnpack, "-Dartifact="+a.coordinates, "-DoutputDirectory="+content)
	cmd.Dir = work // the plugin writes its markers there
	cmd.WaitDelay = time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mvn cannot unpack %s: %w\n%s", a.coordinates, errors.Join(err, ctx.Err()), bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// BuildDir returns the git-ignored folder for downloads and instances: AMSQL_BUILD_DIR, or build/ next to go.mod. It
// may not exist yet.
func BuildDir() (string, error) {
	if dir := os.Getenv("AMSQL_BUILD_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "go.mod")) {
			return filepath.Join(dir, "build"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above: set AMSQL_BUILD_DIR", start)
		}
	}
}

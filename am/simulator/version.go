package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// A version is the version of a protocol or of a resource.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) atLeast(w version) bool {
	return v.major > w.major || v.major == w.major && v.minor >= w.minor
}

func (v version) within(from, to version) bool { return v.atLeast(from) && to.atLeast(v) }

// asked is the content of Accept-API-Version; nil if it does not name a version.
type asked struct{ protocol, resource *version }

var latestProtocol = version{2, 1}

// parseVersions parses Accept-API-Version: protocol=1.0,resource=2.0, in any order, with any spaces.
func parseVersions(header string) (a asked, ok bool) {
	if strings.TrimSpace(header) == "" {
		return a, true
	}
	for part := range strings.SplitSeq(header, ",") {
		name, text, found := strings.Cut(part, "=")
		v, good := parseVersion(strings.TrimSpace(text))
		if !found || !good {
			return a, false
		}
		switch strings.TrimSpace(name) {
		case "protocol":
			a.protocol = &v
		case "resource":
			a.resource = &v
		default:
			return a, false
		}
	}
	return a, true
}

func parseVersion(text string) (v version, ok bool) {
	major, minor, dotted := strings.Cut(text, ".")
	if !dotted {
		minor = "0"
	}
	var err1, err2 error
	v.major, err1 = strconv.Atoi(major)
	v.minor, err2 = strconv.Atoi(minor)
	return v, err1 == nil && err2 == nil && v.major >= 0 && v.minor >= 0
}

// protocolVersion returns the requested version, or the newest.
func (a asked) protocolVersion() version {
	if a.protocol == nil {
		return latestProtocol
	}
	return *a.protocol
}

// revisions reports whether documents contain _id and _rev: always, unless protocol 1.0 was requested.
func (a asked) revisions() bool { return a.protocolVersion().major > 1 }

// resolve returns the version of the answer: the newest minor version of the requested major one, or the newest of all
// if none is requested.
func resolve(offered []version, want *version) (version, bool) {
	if len(offered) == 0 {
		return version{}, false
	}
	if want == nil {
		return offered[len(offered)-1], true
	}
	for _, v := range offered {
		if v.major == want.major && v.minor >= want.minor {
			return v, true
		}
	}
	return version{}, false
}

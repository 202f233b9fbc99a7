package crest

import (
	"fmt"
	"net/url"
	"strings"
)

// PointerError reports why a field is not a JSON pointer.
type PointerError struct {
	Segment string // the part of the pointer between two slashes
	Offset  int    // of the invalid character, in bytes from the start of the segment
}

func (e *PointerError) Error() string {
	return fmt.Sprintf("JSON pointer: character at byte %d of %q is not allowed", e.Offset, e.Segment)
}

// CheckPointer returns a *PointerError if AM refuses the pointer: AM parses each segment as the fragment of a URI.
func CheckPointer(pointer string) error {
	for segment := range strings.SplitSeq(pointer, "/") {
		if at := illegalInFragment(segment); at >= 0 {
			return &PointerError{Segment: segment, Offset: at}
		}
	}
	return nil
}

func illegalInFragment(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c == 0x7f, strings.IndexByte("\"<>\\^`{|}#", c) >= 0:
			return i
		case c == '%':
			if _, err := url.PathUnescape(s[i:min(i+3, len(s))]); err != nil {
				return i
			}
		}
	}
	return -1
}

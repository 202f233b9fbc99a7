package crest

import (
	"fmt"
	"net/url"
	"strings"
)

// PointerError says what makes a field something other than a JSON pointer.
type PointerError struct {
	Segment string // of the pointer, between two slashes
	Offset  int    // of the character that is not allowed, in bytes from the start of the segment
}

func (e *PointerError) Error() string {
	return fmt.Sprintf("JSON pointer: character at byte %d of %q is not allowed", e.Offset, e.Segment)
}

// CheckPointer returns a *PointerError for a pointer that AM refuses: it reads each segment as the fragment of a URI.
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

package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// spanUnits are the units of [ParseSpan], which can be shortened to their first letter or first three letters. A year
// has 365 days.
var spanUnits = []struct {
	name string
	span time.Duration
}{
	{"second", time.Second},
	{"minute", time.Minute},
	{"hour", time.Hour},
	{"day", 24 * time.Hour},
	{"week", 7 * 24 * time.Hour},
	{"year", 365 * 24 * time.Hour},
}

// longestSpan keeps the result of ago within the years that SQLite supports.
const longestSpan = 100 * 365 * 24 * time.Hour

// ParseSpan parses a duration, which consists of numbers with units: 90 minutes, 1 day 12 hours, 1.5h, 30d, 2y, 500ms.
func ParseSpan(text string) (total time.Duration, err error) {
	wrong := fmt.Errorf("%q is not a duration such as '90 minutes', '1 day 12 hours' or '2h' (seconds, minutes, hours, days, weeks, years)", text)
	rest := strings.TrimSpace(text)
	switch rest {
	case "0":
		return 0, nil
	case "":
		return 0, wrong
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := len(rest) - len(strings.TrimLeft(strings.ToLower(rest), "abcdefghijklmnopqrstuvwxyz"))
		unit := spanUnit(rest[:letters])
		rest = strings.TrimLeft(rest[letters:], " ")
		if err != nil || unit == 0 || number*float64(unit) > float64(longestSpan) {
			return 0, wrong
		}
		if total += time.Duration(number * float64(unit)); total > longestSpan {
			return 0, wrong
		}
	}
	return total, nil
}

// spanUnit returns the length of a unit such as m, min, minute or minutes; 0 if there is no such unit.
func spanUnit(name string) time.Duration {
	name = strings.ToLower(name)
	if name == "ms" {
		return time.Millisecond
	}
	for _, unit := range spanUnits {
		switch name {
		case unit.name[:1], unit.name[:3], unit.name[:3] + "s", unit.name, unit.name + "s":
			return unit.span
		}
	}
	return 0
}

package rest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// printedFiltersFindExactlyOneUser makes users of random names out of whatever breaks naive clients, a session for each,
// and asks for each. A name that the server does not take is left out; in the end there must be a thousand.
func printedFiltersFindExactlyOneUser(w *world) {
	names := randomNames(rand.New(rand.NewPCG(2026, 11)), 1500)
	wanted := 1000
	if os.Getenv("AMSQL_OPENAM_URL") == "" {
		wanted = 200
	}
	var mu sync.Mutex
	var refused []string
	found := 0
	inParallel(names, func(name string) {
		mu.Lock()
		enough := found >= wanted
		mu.Unlock()
		if enough {
			return
		}
		ctx := w.Context()
		if err := w.admin.CreateUser(ctx, w.realm, name, userPassword); err != nil {
			mu.Lock()
			refused = append(refused, name)
			mu.Unlock()
			return
		}
		token, err := w.admin.Login(ctx, w.realm, name, userPassword)
		if err != nil {
			mu.Lock()
			refused = append(refused, name)
			mu.Unlock()
			return
		}
		var got []string
		for s, err := range w.Sessions(ctx, rest.SessionQuery{Realm: w.realm, Username: name}) {
			if err != nil {
				w.Errorf("%q: %v", name, err)
				return
			}
			got = append(got, s.Username)
		}
		if len(got) != 1 || got[0] != strings.ToLower(name) {
			w.Errorf("the filter for %q finds sessions of %q", name, got)
		}
		if err := w.admin.Logout(context.WithoutCancel(ctx), token); err != nil {
			w.Errorf("%q: %v", name, err)
		}
		mu.Lock()
		found++
		mu.Unlock()
	})
	w.Logf("%d names found, %d not taken by the server", found, len(refused))
	if found < wanted {
		w.Errorf("%d names were tried, want %d; not taken: %q", found, wanted, refused)
	}
}

// inParallel calls do for each name, some at a time.
func inParallel(names []string, do func(string)) {
	var running sync.WaitGroup
	queue := make(chan string)
	for range 8 {
		running.Go(func() {
			for name := range queue {
				do(name)
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	running.Wait()
}

// pieces of random names: quotes, backslashes and what a filter, a URL or a directory might read as its own.
var pieces = []string{
	`'`, `"`, `\`, `\\`, `\"`, `%`, `%20`, `%22`, `+`, `,`, `=`, `/`, `;`, `<`, `>`, `@`, ` `, `.`, `-`, `_`, `~`, `^`, `|`, `[`, `]`, `{`, `}`, `$`, `:`, `?`, `#`, "`",
	`" or true`, ` and `, ` eq `, `realm`, `\u0041`, `null`, `true`,
	"é", "ß", "ñ", "ø", "ж", "щ", "λ", "ω", "א", "ש", "ع", "ي", "日", "本", "語", "한", "국", "ไ", "ท", "ह", "न", "😀", "𝔘",
}

// harmful are names that OpenAM makes users of and then cannot handle (measured on 16.0.5): it answers 404 for a#b though it
// makes the user; it takes ou=name for a distinguished name, and its sessions for those of "name"; and a backslash before
// what distinguished names escape goes astray, after which users cannot be listed any more (500).
var harmful = regexp.MustCompile(`#|^[A-Za-z][A-Za-z0-9.-]*=|\\([\\",+;<>= ]|$)`)

// randomNames are distinct to a directory, too, which takes several blanks for one and knows no case.
func randomNames(random *rand.Rand, n int) []string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	names := make([]string, 0, n)
	known := map[string]bool{}
	for len(names) < n {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			if random.IntN(2) == 0 {
				b.WriteString(pieces[random.IntN(len(pieces))])
			} else {
				b.WriteByte(letters[random.IntN(len(letters))])
			}
		}
		name := strings.Join(strings.Fields(b.String()), " ")
		key := strings.ToLower(name)
		if utf8.RuneCountInString(name) < 2 || known[key] || harmful.MatchString(name) {
			continue
		}
		known[key] = true
		names = append(names, name)
	}
	return names
}

package simulator

import (
	"fmt"
	"strings"
)

// setUp creates the realms, identities and services that the real server had at the start of the transcript with this
// number.
func (w *world) setUp(file string, exchanges []*recorded) {
	if file != "01" && file != "02" {
		for _, path := range []string{"/alpha", "/bravo", "/alpha/nested"} {
			w.check(w.sim.AddRealm(path))
		}
		for realm, name := range map[string]string{"/alpha": "user.alpha", "/bravo": "user.bravo", "/alpha/nested": "user.nested"} {
			w.check(w.sim.AddUser(realm, name, userPassword))
			w.sim.directory.user(realm, name).mail = "u@" + realm[strings.LastIndexByte(realm, '/')+1:] + ".test"
		}
	}
	if file > "04" {
		w.addUsers(file, exchanges)
	}
	if file > "09" {
		w.whitelist("/alpha", "p1", "p2")
	}
	if file > "15" {
		w.sim.SetListCap(5000)
	}
	if file > "29" {
		w.sim.SetListCap(120)
	}
	if prepare := beforeFile[file]; prepare != nil {
		prepare(w)
	}
}

// addUsers creates the identities in the file, except those that the file itself creates.
func (w *world) addUsers(file string, exchanges []*recorded) {
	names := newRecords()
	for _, e := range exchanges {
		names.learnUsers(e)
	}
	list := names.users
	if len(list) < 20 {
		list = append(list, w.known.users...)
	}
	if file == "28" { // the recorded lists are truncated: these are the others
		for i := range 800 {
			list = append(list, fmt.Sprintf("w%04d", i))
		}
	}
	for _, name := range list {
		if w.sim.directory.user("/alpha", name) == nil {
			w.check(w.sim.AddUser("/alpha", name, userPassword))
		}
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) whitelist(realm string, names ...string) {
	r := w.sim.directory.realm(realm)
	r.whitelist = &whitelist{names: names}
}

func (w *world) limits(realm string, maxTime, maxIdle int) {
	quota, caching := 5, 3
	w.sim.directory.realm(realm).limits = &limits{&maxTime, &maxIdle, &quota, &caching}
}

// property sets a session property without the API.
func (w *world) property(user, name, value string) {
	for _, s := range w.sim.store.of("/alpha", user) {
		s.setProperties(map[string]*string{name: &value})
	}
}

func (w *world) logins(realm, user string, n int) {
	for range n {
		_, err := w.sim.Login(realm, user)
		w.check(err)
	}
}

// beforeFile contains what was done before a transcript begins and is not recorded.
var beforeFile = map[string]func(*world){
	"29": func(w *world) {
		w.limits("/alpha", 120, 30)
		w.limits("/alpha/nested", 2, 1)
	},
	"31": func(w *world) {
		w.limits("/alpha", 120, 30)
		w.sim.directory.realm("/alpha/nested").limits = &limits{}
	},
}

// before contains what was done between recorded exchanges and is not recorded.
var before = map[string]func(*world){
	"15-001": func(w *world) {
		w.sim.SetListCap(120)
		w.logins("/bravo", "user.bravo", 16) // the list is truncated: these are the others
	},
	"19-011": func(w *world) { w.whitelist("/bravo", "p1") },
	"20-003": func(w *world) { w.logins("/alpha", "u299", 5) },
	"09-020": func(w *world) {
		w.property("d1", "p1", "v1")
		w.property("d1", "p2", "v2")
	},
	"09-034": func(w *world) {
		w.property("d1", "p1", "")
		w.property("d1", "p2", "b")
	},
	"09-082": func(w *world) { w.whitelist("/alpha", "p1") },
}

package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/parquet-go/parquet-go"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// An s3Server is an Amazon S3 for tests, whose requests can fail.
type s3Server struct {
	*s3mem.Backend
	mutex   sync.Mutex
	changes int64              // number of requests so far that change something
	refuses func(n int64) bool // reports whether to refuse a request that is change n or comes after it
	read    []string           // paths of the objects that were read

	conditions int // status of answers to conditional requests; 0: the normal status
}

// answers records a request, and reports whether to answer it.
func (s *s3Server) answers(r *http.Request) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch r.Method {
	case http.MethodPut, http.MethodPost, http.MethodDelete:
		s.changes++
	case http.MethodGet:
		s.read = append(s.read, r.URL.Path)
	}
	return s.refuses == nil || !s.refuses(s.changes)
}

// startS3 starts a server with a bucket, and sets the environment for it.
func startS3(t testing.TB, serve func(http.Handler) *httptest.Server) *s3Server {
	t.Helper()
	s := &s3Server{Backend: s3mem.New()}
	must(t, s.CreateBucket("audit"))
	inner := gofakes3.New(s.Backend).Server()
	listening := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.answers(r) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if s.conditions != 0 && r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(s.conditions)
			return
		}
		if r.URL.Query().Get("encoding-type") == "url" {
			w = &encoded{w}
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": listening.URL, "AWS_ACCESS_KEY_ID": "amsql", "AWS_SECRET_ACCESS_KEY": "a secret", "AWS_REGION": "eu-central-1",
	} {
		t.Setenv(name, value)
	}
	if certificate := listening.Certificate(); certificate != nil {
		file := filepath.Join(t.TempDir(), "certificate.pem")
		must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600))
		t.Setenv("SSL_CERT_FILE", file)
	}
	return s
}

// encoded encodes the names in a list, which a request can ask S3 for. Names in a dataset contain no other characters
// that it would encode.
type encoded struct{ http.ResponseWriter }

var (
	listedName = regexp.MustCompile("<(Key|Prefix)>[^<]*")
	listedBy   = regexp.MustCompile("<ListBucketResult[^>]*>")
)

func (w *encoded) Write(list []byte) (int, error) {
	n := len(list)
	list = listedName.ReplaceAllFunc(list, func(name []byte) []byte { return bytes.ReplaceAll(name, []byte("%"), []byte("%25")) })
	list = listedBy.ReplaceAll(list, []byte("$0<EncodingType>url</EncodingType>"))
	_, err := w.ResponseWriter.Write(list)
	return n, err
}

// refuse makes the server refuse requests, depending on the number of changes from now on.
func (s *s3Server) refuse(when func(changes int64) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.changes
	s.refuses = func(n int64) bool { return when(n - before) }
}

// failAfter lets n changes succeed and refuses everything after that, as if the process had been killed or the network
// had failed.
func (s *s3Server) failAfter(n int64) { s.refuse(func(changes int64) bool { return changes > n }) }

func (s *s3Server) recover() { s.failAfter(math.MaxInt64) }

// names returns the names of all objects.
func (s *s3Server) names(t testing.TB) (names []string) {
	t.Helper()
	all, err := s.ListBucket("audit", nil, gofakes3.ListBucketPage{})
	must(t, err)
	for _, o := range all.Contents {
		names = append(names, o.Key)
	}
	return names
}

func newBucket(t testing.TB, python string) (kept, *s3Server) {
	t.Helper()
	server := startS3(t, httptest.NewServer)
	return newDataset(t, "DuckDB", python, "s3://audit/team/history", "s3://audit/team/history"), server
}

// TestBucket queries a dataset in a bucket with DuckDB.
func TestBucket(t *testing.T) {
	python := pythonWith(t, "duckdb_extension_httpfs")
	fewerSeries(t, 5)
	startS3(t, httptest.NewServer)
	for i, c := range everyStore {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := fmt.Sprintf("s3://audit/team%d/history", i)
			c.test(t, newDataset(t, "DuckDB", python, target, target))
		})
	}
}

// changesOf returns the number of changes that a function requests.
func (s *s3Server) changesOf(do func()) int64 {
	before := s.changes
	do()
	return s.changes - before
}

func TestAnUploadThatEndsAnywhereIsWholeOrAbsent(t *testing.T) {
	k, server := newBucket(t, pythonWith(t, "duckdb_extension_httpfs"))
	uploads := server.changesOf(func() { must(t, writeMade(t.Context(), k, "server", noon, rowsPerSnapshot)) })
	if uploads != int64(len(relations()))+2 {
		t.Errorf("%d changes for %d relations, the claim and its removal", uploads, len(relations()))
	}
	whole := int64(len(server.names(t)))
	for n := range uploads - 1 {
		server.failAfter(n)
		err := writeMade(t.Context(), k, "server", noon.Add(time.Duration(n+1)*time.Second), rowsPerSnapshot)
		if err == nil || !strings.Contains(err.Error(), "upload server=server/date=2026-11-22/snapshot=") {
			t.Errorf("after %d uploads: %v", n, err)
		}
		server.recover()
		if left := int64(len(server.names(t))) - whole; left != n*(n+1)/2 {
			t.Errorf("after %d uploads, %d objects are left behind", n, left)
		}
		if got := wholeOrAbsent(t, k); got != 1 {
			t.Fatalf("after %d uploads there are %d snapshots", n, got)
		}
	}
	err := writeMade(t.Context(), k, "server", noon.Add(2*time.Second), rowsPerSnapshot)
	if err == nil || !strings.Contains(err.Error(), "another run is writing this snapshot, or was killed while it did") {
		t.Errorf("of a time of which a kill has left something: %v", err)
	}
	_, err = Prune(t.Context(), k, Retention{}, time.Now().AddDate(0, 0, daysOpen-1), false)
	must(t, err)
	if left := int64(len(server.names(t))); left <= whole {
		t.Errorf("what may still be under way is removed: %d objects", left)
	}
	_, err = Prune(t.Context(), k, Retention{}, time.Now().AddDate(0, 0, daysOpen+1), false)
	must(t, err)
	if left := server.names(t); int64(len(left)) != whole || wholeOrAbsent(t, k) != 1 {
		t.Errorf("what is left behind is not removed later: %q", left)
	}
	server.failAfter(uploads - 1) // the claim stays, but does not hide the snapshot
	must(t, writeMade(t.Context(), k, "server", noon.Add(time.Minute), rowsPerSnapshot))
	server.recover()
	if left := int64(len(server.names(t))); left != 2*whole+1 || wholeOrAbsent(t, k) != 2 {
		t.Errorf("with a claim that is left there are %d objects", left)
	}
	if err := writeMade(t.Context(), k, "server", noon.Add(time.Minute), 1); err == nil {
		t.Error("a snapshot is overwritten whose claim is left")
	}
	_, err = Prune(t.Context(), k, Retention{}, noon.AddDate(0, 0, 1), false)
	must(t, err)
	must(t, writeMade(t.Context(), k, "server", noon.Add(time.Hour), rowsPerSnapshot))
	_, err = Prune(t.Context(), k, Retention{}, noon.AddDate(0, 0, 1), false)
	must(t, err)
	if left := server.names(t); int64(len(left)) != whole {
		t.Errorf("the claim does not go with its snapshot: %q", left)
	}
}

// rowsOf counts the sessions in the files of each snapshot, and fails if a snapshot is incomplete.
func (s *bucketStore) rowsOf(t *testing.T) (rows []int64) {
	t.Helper()
	folders, err := s.folders(t.Context())
	must(t, err)
	for folder, objects := range folders {
		if !exists(folder, objects) {
			continue
		}
		for _, r := range relations() {
			content, err := s.bucket.read(t.Context(), s.prefix+path.Join(folder, parquetFile(r)))
			if err != nil {
				t.Fatalf("%s lacks %s: %v", folder, r.name, err)
			}
			file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
			must(t, err)
			if r.name == "session" {
				rows = append(rows, file.NumRows())
			}
		}
	}
	return rows
}

// interrupted makes something happen before the nth request, and requests fail from another number on.
func (s *bucketStore) interrupted(n int, happen func(), failFrom int) {
	b, requests := *s.bucket, 0
	next := func() error {
		if requests++; requests == n {
			happen()
		}
		if requests >= failFrom {
			return errors.New("the network is gone")
		}
		return nil
	}
	s.bucket.list = func(ctx context.Context, prefix string, deep bool) ([]object, error) {
		if err := next(); err != nil {
			return nil, err
		}
		return b.list(ctx, prefix, deep)
	}
	s.bucket.upload = func(ctx context.Context, name, file string) error {
		return cmp.Or(next(), b.upload(ctx, name, file))
	}
	s.bucket.create = func(ctx context.Context, name string, content []byte) error {
		return cmp.Or(next(), b.create(ctx, name, content))
	}
}

// Two runs write the same shard at the same time, and the slower one may fail at any request. What the other has
// committed stays.
func TestTwoRunsThatPublishOneSnapshotDoNotHarmEachOther(t *testing.T) {
	startS3(t, httptest.NewServer)
	const never = 1 << 20
	requests := len(relations()) + 2
	for n := range requests {
		for i, failFrom := range []int{n + 2, n + 3, requests, never} {
			open := func() *bucketStore {
				store, err := Open(t.Context(), fmt.Sprintf("s3://audit/%d-%d", n, i))
				must(t, err)
				return store.(*bucketStore)
			}
			quick, slow := open(), open()
			var quickErr error
			slow.interrupted(n+1, func() { quickErr = writeMade(t.Context(), quick, "server", noon, 3) }, failFrom)
			slowErr := writeMade(t.Context(), slow, "server", noon, 5)
			var want []int64
			if quickErr == nil {
				want = append(want, 3)
			}
			if slowErr == nil {
				want = append(want, 5)
			}
			if got := quick.rowsOf(t); !slices.Equal(got, want) || len(want) > 1 || len(want) == 0 && failFrom == never {
				t.Errorf("before request %d, another run; from %d on, none is answered: there are %v, want %v (%v, %v)", n+1, failFrom, got, want, quickErr, slowErr)
			}
			if len(want) == 0 { // a run that failed has left nothing that prevents the next
				must(t, writeMade(t.Context(), quick, "server", noon, 4))
			}
		}
	}
}

func TestARequestThatIsSentAgainFindsItsOwnClaim(t *testing.T) {
	startS3(t, httptest.NewServer)
	opened, err := Open(t.Context(), "s3://audit")
	must(t, err)
	store := opened.(*bucketStore)
	create := store.bucket.create
	store.bucket.create = func(ctx context.Context, name string, content []byte) error {
		return errors.Join(create(ctx, name, content), create(ctx, name, content)) // as a client does that has not received the answer
	}
	must(t, writeMade(t.Context(), store, "server", noon, 3))
	if got := store.rowsOf(t); !slices.Equal(got, []int64{3}) {
		t.Errorf("there is %v", got)
	}
}

func TestAStorageWithoutConditionalWritesIsRefused(t *testing.T) {
	server := startS3(t, httptest.NewServer)
	opened, err := Open(t.Context(), "s3://audit")
	must(t, err)
	server.conditions = http.StatusNotImplemented
	if err := writeMade(t.Context(), opened, "server", noon, 3); err == nil || !strings.Contains(err.Error(), "the storage does not support conditional writes") {
		t.Errorf("error %v", err)
	}
	if left := server.names(t); left != nil {
		t.Errorf("left is %q", left)
	}
}

func TestAnUploadThatFailsTakesItsObjectsBack(t *testing.T) {
	server := startS3(t, httptest.NewServer)
	store, err := Open(t.Context(), "s3://audit")
	must(t, err)
	for n := range int64(len(relations())) + 1 {
		server.refuse(func(changes int64) bool { return changes == n+1 })
		if err := writeMade(t.Context(), store, "server", noon, 3); err == nil {
			t.Errorf("upload %d fails without an error", n)
		}
		if left := server.names(t); left != nil {
			t.Errorf("upload %d fails, and left is %q", n, left)
		}
	}
}

// With a condition on the date, an engine reads no files of other days, even when it looks for the files of snapshots.
func TestAQuestionOfADayReadsTheFilesOfThatDay(t *testing.T) {
	k, server := newBucket(t, pythonWith(t, "duckdb_extension_httpfs"))
	for day := range 5 {
		must(t, writeMade(t.Context(), k, "server", noon.AddDate(0, 0, day), rowsPerSnapshot))
	}
	k.ask(t, "select 1") // creates the views, and reads a file of each relation
	server.read = nil
	if got := k.ask(t, "select count(*) from session where date = '2026-11-25'"); !slices.Equal(got, []string{fmt.Sprint(rowsPerSnapshot)}) {
		t.Errorf("rows %q", got)
	}
	days := map[string]bool{}
	for _, path := range server.read {
		if _, rest, is := strings.Cut(path, "/date="); is {
			day, rest, _ := strings.Cut(rest, "/")
			_, relation, _ := strings.Cut(rest, "/relation=")
			days[day+" "+strings.TrimSuffix(relation, "/rows.parquet")] = true
		}
	}
	delete(days, "2026-11-22 session") // read for its columns
	delete(days, "2026-11-22 snapshot")
	if got, want := slices.Sorted(maps.Keys(days)), []string{"2026-11-25 session", "2026-11-25 snapshot"}; !slices.Equal(got, want) {
		t.Errorf("read is %q, want %q", got, want)
	}
}

func TestARemovalThatEndsAnywhereLeavesWholeSnapshots(t *testing.T) {
	k, server := newBucket(t, pythonWith(t, "duckdb_extension_httpfs"))
	write := func() {
		for i := range 2 {
			must(t, writeMade(t.Context(), k, "server", noon.Add(time.Duration(i)*time.Second), rowsPerSnapshot))
		}
	}
	write()
	prune := func(now time.Time) error {
		_, err := Prune(t.Context(), k, Retention{}, now, false)
		return err
	}
	deletions := server.changesOf(func() { must(t, prune(time.Now())) })
	for n := range deletions {
		must(t, prune(time.Now().AddDate(0, 0, daysOpen+1)))
		must(t, writeMade(t.Context(), k, "server", noon, rowsPerSnapshot))
		server.failAfter(n)
		if err := prune(time.Now()); err == nil {
			t.Errorf("after %d deletions there is no error", n)
		}
		server.recover()
		if got, want := wholeOrAbsent(t, k), map[bool]int{true: 2, false: 1}[n == 0]; got != want {
			t.Errorf("after %d deletions there are %d snapshots, want %d", n, got, want)
		}
	}
	must(t, prune(time.Now()))
	if got := server.names(t); len(got) != len(relations())*2-int(deletions-1) {
		t.Errorf("%d objects", len(got))
	}
}

func TestABucketHasTheFilesOfAFolder(t *testing.T) {
	server := startS3(t, httptest.NewServer)
	store, err := Open(t.Context(), "s3://audit/team/history/")
	must(t, err)
	must(t, writeMade(t.Context(), store, "https://am.example.com:8443/am", noon, 3))
	var want []string
	for _, r := range relations() {
		want = append(want, fmt.Sprintf("team/history/server=https%%3A%%2F%%2Fam.example.com%%3A8443%%2Fam/date=2026-11-22/snapshot=20261122T120000.123000Z/relation=%s/rows.parquet", r.name))
	}
	slices.Sort(want)
	if got := server.names(t); !slices.Equal(got, want) {
		t.Errorf("objects %q, want %q", got, want)
	}
}

func TestABucketIsReachedWithCredentialsOrNotAtAll(t *testing.T) {
	server := startS3(t, httptest.NewServer)
	for _, target := range []string{"s3://", "s3://me:a secret@audit", "s3:///history", "s3://audit/history?secret=a secret"} {
		if _, err := Open(t.Context(), target); err == nil || !strings.HasPrefix(err.Error(), "a bucket is s3://BUCKET/PREFIX: ") || strings.Contains(err.Error(), "a secret") {
			t.Errorf("%s: %v", target, err)
		}
	}
	server.failAfter(-1)
	store, err := Open(t.Context(), "s3://audit")
	must(t, err)
	if _, err := store.list(t.Context()); err == nil || strings.Contains(err.Error(), "a secret") {
		t.Errorf("refused: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_CONFIG_FILE", "none")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/role")
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte("[default]\naws_secret_access_key a secret\n"), 0o600))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	if _, err := Open(t.Context(), "s3://audit"); err == nil || !strings.HasPrefix(err.Error(), "s3://audit: no credentials found: set AWS_ACCESS_KEY_ID") || strings.Contains(err.Error(), "a secret") {
		t.Errorf("without credentials: %v", err)
	}
	must(t, os.WriteFile(file, []byte("[audit]\naws_access_key_id = amsql\naws_secret_access_key = a secret\n"), 0o600))
	t.Setenv("AWS_PROFILE", "audit")
	server.recover()
	if store, err = Open(t.Context(), "s3://audit"); err == nil {
		_, err = store.list(t.Context())
	}
	must(t, err)
}

func TestFilesOfAKilledUploadAreClearedLater(t *testing.T) {
	startS3(t, httptest.NewServer)
	t.Setenv("TMPDIR", t.TempDir())
	store, err := Open(t.Context(), "s3://audit")
	must(t, err)
	for range 2 { // none of them is ended
		_, err = store.begin(t.Context(), "server", noon, inventory.Shard{})
		must(t, err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), uploadPrefix+"*"))
	must(t, err)
	old := time.Now().AddDate(0, 0, -daysOpen-1)
	must(t, os.Chtimes(left[0], old, old))
	_, err = Open(t.Context(), "s3://audit")
	must(t, err)
	must(t, writeMade(t.Context(), store, "server", noon, 3))
	if got, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); !slices.Equal(got, left[1:]) {
		t.Errorf("there is %q, want %q", got, left[1:])
	}
}

// The URL of an S3 endpoint cannot have a path, so a path is an error instead of being ignored.
func TestAPathInAnEndpointIsRefused(t *testing.T) {
	startS3(t, httptest.NewServer)
	endpoint := os.Getenv("AWS_ENDPOINT_URL_S3")
	for suffix, refused := range map[string]bool{"": false, "/": false, "/minio": true, "/?a=b": true, "?a": true, "#a": true} {
		t.Setenv("AWS_ENDPOINT_URL_S3", endpoint+suffix)
		_, err := Open(t.Context(), "s3://audit/amsql")
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL must be a URL without a path") {
			t.Errorf("with %q behind the address: %v", suffix, err)
		}
	}
}

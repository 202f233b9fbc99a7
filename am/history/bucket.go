package history

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// A bucket stores objects, whose names look like paths. It is a struct of functions rather than an interface: with an
// interface, the linker would keep every method of the clouds' clients, which is megabytes.
type bucket struct {
	// list returns the objects whose names begin with the prefix. Unless deep is true, it returns objects below a
	// further slash as one folder.
	list func(ctx context.Context, prefix string, deep bool) ([]object, error)

	read func(ctx context.Context, name string) ([]byte, error)

	// upload creates an object from a file. The object is complete or absent.
	upload func(ctx context.Context, name, file string) error

	// create creates an object with this content. If an object of that name already exists, the error is fs.ErrExist.
	create func(ctx context.Context, name string, content []byte) error

	// remove removes an object, if it exists.
	remove func(ctx context.Context, name string) error
}

type object struct {
	name    string // ends in a slash if it is a folder
	written time.Time
}

// bucketStore is a history in a bucket: the same dataset that a parquetStore has in a folder. A bucket cannot rename,
// so a snapshot exists as long as its file of the relation snapshot does. That file is written last and removed first,
// and readers of the dataset ignore rows of snapshots that lack it.
type bucketStore struct {
	bucket *bucket
	target string
	prefix string // of all names; "" or with a slash at the end
}

const (
	uploadPrefix = "amsql-upload-" // of the folder in which a snapshot waits

	// claimName is the object with which a run claims a snapshot's folder for itself. Engines ignore names that begin
	// with an underscore.
	claimName = "_writing"

	objectsAtOnce  = 8 // number of snapshots that are removed concurrently
	patienceOnFail = 10 * time.Second
)

// snapshotFile is the end of the name of the object without which a snapshot does not exist.
var snapshotFile = "/" + parquetFile(snapshots)

// OpenBucket opens a history at scheme://BUCKET/PREFIX.
func OpenBucket(ctx context.Context, target string) (Store, error) {
	scheme, where, _ := strings.Cut(target, "://")
	name, prefix, _ := strings.Cut(where, "/")
	if name == "" || strings.ContainsAny(where, "?#@") {
		return nil, fmt.Errorf("a bucket is %s://BUCKET/PREFIX: credentials and endpoints come from the environment, see docs/history.md#buckets", scheme)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	b, err := buckets[scheme](ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s://%s: %w", scheme, name, err)
	}
	clearFolder(os.TempDir(), uploadPrefix)
	return &bucketStore{b, target, prefix}, nil
}

func (s *bucketStore) String() string { return s.target }
func (s *bucketStore) Close() error   { return nil }

// under returns objects, with names relative to the prefix.
func (s *bucketStore) under(ctx context.Context, prefix string, deep bool) ([]object, error) {
	objects, err := s.bucket.list(ctx, s.prefix+prefix, deep)
	for i := range objects {
		objects[i].name = strings.TrimPrefix(objects[i].name, s.prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.prefix+prefix, err)
	}
	return objects, nil
}

// folders returns the objects of all snapshots, complete or not, by folder.
func (s *bucketStore) folders(ctx context.Context) (map[string][]object, error) {
	objects, err := s.under(ctx, "server=", true)
	if err != nil {
		return nil, err
	}
	folders := map[string][]object{}
	for _, o := range objects {
		parts := strings.Split(o.name, "/")
		folder := strings.Join(parts[:min(snapshotDepth, len(parts))], "/")
		if _, _, is := ofFolder(folder); is {
			folders[folder] = append(folders[folder], o)
		}
	}
	return folders, nil
}

// exists reports whether the objects in a folder are a complete snapshot.
func exists(folder string, objects []object) bool {
	return slices.ContainsFunc(objects, func(o object) bool { return o.name == folder+snapshotFile })
}

// ofSnapshotFile returns the snapshot and shard that an object belongs to, if it is a snapshotFile.
func ofSnapshotFile(o object) (id snapshotID, shard inventory.Shard, is bool) {
	folder, is := strings.CutSuffix(o.name, snapshotFile)
	if is {
		id, shard, is = ofFolder(folder)
	}
	return id, shard, is
}

func (s *bucketStore) list(ctx context.Context) ([]listed, error) {
	folders, err := s.folders(ctx)
	if err != nil {
		return nil, err
	}
	kept := map[snapshotID][]inventory.Shard{}
	for folder, objects := range folders {
		if exists(folder, objects) {
			id, shard, _ := ofFolder(folder)
			kept[id] = append(kept[id], shard)
		}
	}
	return listOf(kept), nil
}

func (s *bucketStore) shards(ctx context.Context, server string, takenAt time.Time) (shards []inventory.Shard, err error) {
	objects, err := s.under(ctx, snapshotID{server, takenAt}.folder(inventory.Shard{}), true)
	for _, o := range objects {
		if _, shard, is := ofSnapshotFile(o); is {
			shards = append(shards, shard)
		}
	}
	return shards, err
}

// before searches backwards day by day, so that it need not list everything of the server.
func (s *bucketStore) before(ctx context.Context, server string, soon time.Time) (b before, err error) {
	days, err := s.under(ctx, "server="+escaped(server)+"/", false)
	if err != nil {
		return b, err
	}
	for _, day := range slices.Backward(days) {
		objects, err := s.under(ctx, day.name, true)
		if err != nil {
			return b, err
		}
		for _, o := range slices.Backward(objects) {
			id, _, is := ofSnapshotFile(o)
			switch {
			case !is:
				continue
			case id.at.After(soon):
				b.ahead = latestTime(b.ahead, id.at)
				continue
			}
			content, err := s.bucket.read(ctx, s.prefix+o.name)
			if err != nil {
				return b, fmt.Errorf("read %s: %w", o.name, err)
			}
			b.key, err = readKeyName(o.name, content)
			return b, err
		}
	}
	return b, nil
}

func (s *bucketStore) previous(ctx context.Context, server, realm string, before time.Time) iter.Seq2[[]any, error] {
	return previousOf(ctx, s, server, realm, before)
}

// earlier lists the objects of one day at a time, like before.
func (s *bucketStore) earlier(ctx context.Context, server string, before time.Time) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		days, err := s.under(ctx, "server="+escaped(server)+"/", false)
		for _, day := range slices.Backward(days) {
			var objects []object
			if objects, err = s.under(ctx, day.name, true); err != nil {
				break
			}
			kept := map[snapshotID][]inventory.Shard{}
			for _, o := range objects {
				if id, shard, is := ofSnapshotFile(o); is && id.at.Before(before) {
					kept[id] = append(kept[id], shard)
				}
			}
			for _, l := range latestFirst(listOf(kept)) {
				if !yield(l, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(listed{}, err)
		}
	}
}

// remove removes snapshots, complete or shard by shard, and what killed runs have left: objects without a snapshotFile
// that are older than any upload that may still be under way.
func (s *bucketStore) remove(ctx context.Context, removed, _ []snapshotID, now time.Time) error {
	folders, err := s.folders(ctx)
	if err != nil {
		return err
	}
	going := map[string]bool{}
	for _, id := range removed {
		going[id.folder(inventory.Shard{})] = true
	}
	before := now.AddDate(0, 0, -daysOpen)
	recent := func(o object) bool { return o.written.After(before) }
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(objectsAtOnce)
	for folder, objects := range folders {
		id, _, _ := ofFolder(folder)
		left := !exists(folder, objects) && !slices.ContainsFunc(objects, recent)
		if going[id.folder(inventory.Shard{})] || left {
			group.Go(func() error { return s.removeFolder(ctx, folder, objects) })
		}
	}
	return group.Wait()
}

// removeFolder removes the objects of a snapshot, the snapshotFile first.
func (s *bucketStore) removeFolder(ctx context.Context, folder string, objects []object) error {
	names := []string{folder + snapshotFile}
	for _, o := range objects {
		if o.name != names[0] {
			names = append(names, o.name)
		}
	}
	for _, name := range names {
		if err := s.bucket.remove(ctx, s.prefix+name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

func (s *bucketStore) begin(_ context.Context, server string, takenAt time.Time, shard inventory.Shard) (draft, error) {
	dir, err := os.MkdirTemp("", uploadPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create a directory for the files until they are uploaded (set TMPDIR to choose where): %w", err)
	}
	return newParquetDraft(snapshotID{server, takenAt}, shard, dir, s.publish), nil
}

// create creates an object that must not exist yet. If it exists with the same content, it is our own, and the answer
// to the first request was lost.
func (s *bucketStore) create(ctx context.Context, name string, content []byte) error {
	err := s.bucket.create(ctx, s.prefix+name, content)
	if errors.Is(err, fs.ErrExist) {
		if there, unread := s.bucket.read(ctx, s.prefix+name); unread == nil && bytes.Equal(there, content) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("upload %s: %w", name, err)
	}
	return nil
}

// publish uploads the files, unless another run has already done so or is doing so. After an error it removes them, if
// the bucket can still be reached, and does not touch the files of other runs.
func (s *bucketStore) publish(ctx context.Context, dir, folder string) error {
	claim := path.Join(folder, claimName)
	if err := s.create(ctx, claim, []byte(rand.Text())); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: another run is writing this snapshot, or was killed while it did: in that case take the snapshot with another time; amsql snapshot prune removes what a killed run left after %d days",
			err, daysOpen)
	} else if err != nil {
		return err
	}
	written, err := s.publishClaimed(ctx, dir, folder)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceOnFail)
		defer cancel()
		_ = s.takeBack(ctx, append([]string{claim}, written...)) // anything left is removed later
		return err
	}
	_ = s.bucket.remove(ctx, s.prefix+claim) // if it is left, it does no harm, and is removed with the snapshot
	_ = os.RemoveAll(dir)                    // if it is left, it is removed later
	return nil
}

// publishClaimed uploads the files, that of the relation snapshot last, and returns those to remove if it fails.
func (s *bucketStore) publishClaimed(ctx context.Context, dir, folder string) (written []string, err error) {
	there, err := s.under(ctx, folder+"/", true)
	if err != nil {
		return nil, err
	}
	if exists(folder, there) {
		return nil, errors.New("a snapshot of this time already exists: " + folder)
	}
	if len(there) > 1 { // more than the claim
		return nil, fmt.Errorf("%s contains what a killed run left: take the snapshot with another time; amsql snapshot prune removes it after %d days", folder, daysOpen)
	}
	for _, r := range relations() {
		if r.name == snapshots.name {
			continue
		}
		name := path.Join(folder, parquetFile(r))
		written = append(written, name)
		if err := s.bucket.upload(ctx, s.prefix+name, filepath.Join(dir, parquetFile(r))); err != nil {
			return written, fmt.Errorf("upload %s: %w", name, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, parquetFile(snapshots)))
	if err != nil {
		return written, err
	}
	name := folder + snapshotFile
	err = s.create(ctx, name, content)
	if errors.Is(err, fs.ErrExist) { // written by an older amsql, which makes no claims: the files now belong to its snapshot
		return nil, err
	}
	return append(written, name), err
}

// takeBack removes objects, last one first, so the claim goes last: as long as it exists, nobody else writes to the
// folder.
func (s *bucketStore) takeBack(ctx context.Context, names []string) error {
	for _, name := range slices.Backward(names) {
		if err := s.bucket.remove(ctx, s.prefix+name); err != nil {
			return err
		}
	}
	return nil
}

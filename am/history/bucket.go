package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
)

// A bucket keeps objects, whose names look like paths. It has functions and is no interface: through one the linker would keep
// all that the clouds' clients can do, which is megabytes.
type bucket struct {
	// list lists the objects whose names begin with the prefix; where it is not deep, those below a further slash as one folder.
	list func(ctx context.Context, prefix string, deep bool) ([]object, error)

	read func(ctx context.Context, name string) ([]byte, error)

	// upload makes an object of a file. It is there whole or not at all.
	upload func(ctx context.Context, name, file string) error

	// remove removes an object, if it is there.
	remove func(ctx context.Context, name string) error
}

type object struct {
	name    string // a folder's ends in a slash
	written time.Time
}

// buckets open what a target names, by its scheme. The credentials are where the cloud's own tools look for them.
var buckets = map[string]func(ctx context.Context, name string) (*bucket, error){
	"s3":     openS3,
	"gs":     openGCS,
	"azblob": openAzure,
}

// bucketStore is a history in a bucket: the dataset that a parquetStore has in a folder. As a bucket renames nothing, a
// snapshot is there as long as its file of the relation snapshot is: that comes last and goes first, and who reads the
// dataset takes only the rows of snapshots that have it.
type bucketStore struct {
	bucket *bucket
	target string
	prefix string // of all names; "" or ending in a slash
}

const (
	uploadPrefix = "amsql-upload-" // of the folder that a snapshot waits in

	objectsAtOnce  = 8 // snapshots that are removed side by side
	patienceOnFail = 10 * time.Second
)

// snapshotFile is the end of the name of the object that makes a snapshot exist.
var snapshotFile = "/" + parquetFile(snapshots)

// OpenBucket opens a history at scheme://BUCKET/PREFIX.
func OpenBucket(ctx context.Context, target string) (Store, error) {
	scheme, where, _ := strings.Cut(target, "://")
	name, prefix, _ := strings.Cut(where, "/")
	if name == "" || strings.ContainsAny(where, "?#@") {
		return nil, fmt.Errorf("a bucket is %s://BUCKET/PREFIX and no more: credentials and endpoints come from the environment, see docs/history.md#buckets", scheme)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	b, err := buckets[scheme](ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s://%s: %w", scheme, name, err)
	}
	_ = clearFolder(os.TempDir(), uploadPrefix) // others' folders may be there, too
	return &bucketStore{b, target, prefix}, nil
}

func (s *bucketStore) String() string { return s.target }
func (s *bucketStore) Close() error   { return nil }

// under lists objects by the rest of their names.
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

// folders are all objects of snapshots, by their folders, be they whole or not.
func (s *bucketStore) folders(ctx context.Context) (map[string][]object, error) {
	objects, err := s.under(ctx, "server=", true)
	if err != nil {
		return nil, err
	}
	folders := map[string][]object{}
	for _, o := range objects {
		folder := path.Dir(path.Dir(o.name))
		if is, _ := path.Match(snapshotGlob, folder); is {
			folders[folder] = append(folders[folder], o)
		}
	}
	return folders, nil
}

func isSnapshotFile(o object) bool { return strings.HasSuffix(o.name, snapshotFile) }

func (s *bucketStore) list(ctx context.Context) (all []snapshotID, err error) {
	folders, err := s.folders(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[snapshotID]bool{} // by one of its shards
	for folder, objects := range folders {
		id, _, err := ofFolder(folder)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(objects, isSnapshotFile) && !seen[id] {
			seen[id] = true
			all = append(all, id)
		}
	}
	return all, nil
}

func (s *bucketStore) shards(ctx context.Context, server string, takenAt time.Time) (shards []inventory.Shard, err error) {
	objects, err := s.under(ctx, snapshotID{server, takenAt}.folder(inventory.Shard{}), true)
	for _, o := range objects {
		if !isSnapshotFile(o) {
			continue
		}
		_, shard, err := ofFolder(strings.TrimSuffix(o.name, snapshotFile))
		if err != nil {
			return nil, err
		}
		shards = append(shards, shard)
	}
	return shards, err
}

// lastKey goes back by days, so that it need not list all that a server has.
func (s *bucketStore) lastKey(ctx context.Context, server string) (string, error) {
	days, err := s.under(ctx, "server="+escaped(server)+"/", false)
	if err != nil {
		return "", err
	}
	for _, day := range slices.Backward(days) {
		objects, err := s.under(ctx, day.name, true)
		if err != nil {
			return "", err
		}
		for _, o := range slices.Backward(objects) {
			if !isSnapshotFile(o) {
				continue
			}
			content, err := s.bucket.read(ctx, s.prefix+o.name)
			if err != nil {
				return "", fmt.Errorf("read %s: %w", o.name, err)
			}
			return readKeyName(o.name, content)
		}
	}
	return "", nil
}

// remove removes snapshots, each whole or shard by shard, and what a kill has left of others: objects without the one that
// would make them a snapshot, which are older than any upload that is still under way.
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
		id, _, err := ofFolder(folder)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		left := !slices.ContainsFunc(objects, isSnapshotFile) && !slices.ContainsFunc(objects, recent)
		if going[id.folder(inventory.Shard{})] || left {
			group.Go(func() error { return s.removeFolder(ctx, folder, objects) })
		}
	}
	return group.Wait()
}

// removeFolder removes a snapshot's objects, and first the one that makes them a snapshot.
func (s *bucketStore) removeFolder(ctx context.Context, folder string, objects []object) error {
	names := []string{folder + snapshotFile}
	for _, o := range objects {
		if !isSnapshotFile(o) {
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
		return nil, fmt.Errorf("make a folder for the files until they are uploaded (TMPDIR says where): %w", err)
	}
	return newParquetDraft(snapshotID{server, takenAt}, shard, dir, s.publish), nil
}

// publish uploads the files. After an error none of them is left, if the bucket can still be reached.
func (s *bucketStore) publish(ctx context.Context, dir, folder string) error {
	there, err := s.under(ctx, folder+"/", true)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return errors.New("there is a snapshot of this time already: " + folder)
	}
	all := relations() // the first of which is that of snapshots
	for _, r := range append(all[1:], all[0]) {
		name := path.Join(folder, parquetFile(r))
		there = append(there, object{name: name})
		if err := s.bucket.upload(ctx, s.prefix+name, filepath.Join(dir, parquetFile(r))); err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceOnFail)
			defer cancel()
			_ = s.removeFolder(ctx, folder, there) // what is left is removed later
			return fmt.Errorf("upload %s: %w", name, err)
		}
	}
	_ = os.RemoveAll(dir) // it is cleared later
	return nil
}

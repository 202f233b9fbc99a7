package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
)

// gcsBucket is one of Google Cloud Storage.
type gcsBucket struct{ handle *storage.BucketHandle }

// openGCS takes Google's application default credentials.
func openGCS(ctx context.Context, name string) (*bucket, error) {
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("set GOOGLE_APPLICATION_CREDENTIALS, or run with a service account: %w", err)
	}
	// An upload or a removal that is done twice is as if it were done once.
	b := &gcsBucket{client.Bucket(name).Retryer(storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(6))}
	return &bucket{b.list, b.read, b.upload, b.create, b.remove}, nil
}

func (b *gcsBucket) list(ctx context.Context, prefix string, deep bool) (objects []object, err error) {
	query := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if !deep {
		query.Delimiter = "/"
	}
	for found := b.handle.Objects(ctx, query); ; {
		o, err := found.Next()
		if errors.Is(err, iterator.Done) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object{o.Prefix + o.Name, o.Updated})
	}
}

func (b *gcsBucket) read(ctx context.Context, name string) ([]byte, error) {
	r, err := b.handle.Object(name).NewReader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func (b *gcsBucket) upload(ctx context.Context, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return write(ctx, b.handle.Object(name), file)
}

func (b *gcsBucket) create(ctx context.Context, name string, content []byte) error {
	err := write(ctx, b.handle.Object(name).If(storage.Conditions{DoesNotExist: true}), bytes.NewReader(content))
	if refused := new(googleapi.Error); errors.As(err, &refused) && refused.Code == http.StatusPreconditionFailed {
		return fs.ErrExist
	}
	return err
}

func write(ctx context.Context, object *storage.ObjectHandle, content io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // without Close before it, nothing is there
	w := object.NewWriter(ctx)
	if _, err := io.Copy(writing(w.Write), content); err != nil {
		return err
	}
	return w.Close()
}

// writing is a writer that does not lead the linker to all that the client can do.
type writing func([]byte) (int, error)

func (w writing) Write(p []byte) (int, error) { return w(p) }

func (b *gcsBucket) remove(ctx context.Context, name string) error {
	if err := b.handle.Object(name).Delete(ctx); !errors.Is(err, storage.ErrObjectNotExist) {
		return err
	}
	return nil
}

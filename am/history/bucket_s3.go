//go:build !demo

package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Bucket is one of Amazon S3, or of what speaks its protocol.
type s3Bucket struct {
	client *minio.Client
	name   string
}

// awsEndpoint is where requests go unless the environment says where.
const awsEndpoint = "https://s3.amazonaws.com"

func openS3(ctx context.Context, name string) (*bucket, error) {
	endpoint, err := url.Parse(cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), awsEndpoint))
	if err != nil || endpoint.Host == "" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, errors.New("AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL must be a host and a port and no more, as in https://storage.example.com:9000")
	}
	found, err := s3Credentials(ctx)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  found,
		Secure: endpoint.Scheme == "https",
		Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, err
	}
	b := &s3Bucket{client, name}
	return &bucket{b.list, b.read, b.upload, b.create, b.remove}, nil
}

// s3Credentials are those of the environment, a profile, or else the role of the pod, task or machine.
func s3Credentials(ctx context.Context) (*credentials.Credentials, error) {
	var failure error
	for _, provider := range []credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: 10 * time.Second}},
	} {
		found := credentials.New(provider)
		value, err := found.GetWithContext(&credentials.CredContext{Client: http.DefaultClient, Context: ctx})
		if err == nil && value.AccessKeyID != "" {
			return found, nil
		}
		failure = err // the last is of the role; one of a file could quote it
	}
	return nil, fmt.Errorf("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role (%w)", failure)
}

func (b *s3Bucket) list(ctx context.Context, prefix string, deep bool) (objects []object, err error) {
	for o := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: deep}) {
		if o.Err != nil {
			return nil, o.Err
		}
		objects = append(objects, object{o.Key, o.LastModified})
	}
	return objects, ctx.Err()
}

func (b *s3Bucket) read(ctx context.Context, name string) ([]byte, error) {
	o, err := b.client.GetObject(ctx, b.name, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	return io.ReadAll(o)
}

func (b *s3Bucket) upload(ctx context.Context, name, file string) error {
	_, err := b.client.FPutObject(ctx, b.name, name, file, minio.PutObjectOptions{})
	return err
}

func (b *s3Bucket) create(ctx context.Context, name string, content []byte) error {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	_, err := b.client.PutObject(ctx, b.name, name, bytes.NewReader(content), int64(len(content)), o)
	switch minio.ToErrorResponse(err).StatusCode {
	case http.StatusPreconditionFailed, http.StatusConflict: // the latter of one that is being made
		return fs.ErrExist
	case http.StatusNotImplemented:
		return fmt.Errorf("%w: the storage has no conditional writes (If-None-Match), without which runs could overwrite each other's snapshots", err)
	}
	return err
}

func (b *s3Bucket) remove(ctx context.Context, name string) error {
	return b.client.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{})
}

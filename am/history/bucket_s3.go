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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Bucket is a bucket of Amazon S3, or of a server with the same protocol.
type s3Bucket struct {
	client *minio.Client
	name   string
}

const (
	// awsEndpoint is the default address.
	awsEndpoint = "https://s3.amazonaws.com"

	// identityTimeout limits requests to metadata services that tell the process who it is, because they may not exist.
	identityTimeout = 10 * time.Second
)

func openS3(ctx context.Context, name string) (*bucket, error) {
	endpoint, err := url.Parse(cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), awsEndpoint))
	if err != nil || endpoint.Host == "" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" || endpoint.Fragment != "" {
		return nil, errors.New("AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL must be a URL without a path, such as https://storage.example.com:9000")
	}
	identity, region, err := awsIdentity(ctx)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.New(identity), Secure: endpoint.Scheme == "https", Region: region})
	if err != nil {
		return nil, err
	}
	b := &s3Bucket{client, name}
	return &bucket{b.list, b.read, b.upload, b.create, b.remove}, nil
}

// awsIdentity returns the credentials and the region that AWS's own tools would use: those of the environment or of a
// profile (keys, a role that it assumes, single sign-on, a credential_process), or the role of the pod, task or
// machine.
func awsIdentity(ctx context.Context) (*awsCredentials, string, error) {
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	// Without a logger, the SDK writes warnings to standard error. Errors contain all that users need to know.
	found, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err == nil {
		_, err = found.Credentials.Retrieve(ctx)
	}
	if err != nil {
		return nil, "", fmt.Errorf("no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role (%w)", err)
	}
	return &awsCredentials{found.Credentials}, found.Region, nil
}

// awsCredentials adapts the credentials of AWS's SDK to minio's client. The SDK caches them until they expire.
type awsCredentials struct{ provider aws.CredentialsProvider }

// Retrieve is for clients that pass no context.
func (c *awsCredentials) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext obtains new credentials if they have expired.
func (c *awsCredentials) RetrieveWithCredContext(of *credentials.CredContext) (credentials.Value, error) {
	ctx := context.Background()
	if of != nil && of.Context != nil {
		ctx = of.Context
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	found, err := c.provider.Retrieve(ctx)
	return credentials.Value{
		AccessKeyID: found.AccessKeyID, SecretAccessKey: found.SecretAccessKey, SessionToken: found.SessionToken,
		SignerType: credentials.SignatureV4,
	}, err
}

// IsExpired always returns true, so that the client asks the SDK each time.
func (c *awsCredentials) IsExpired() bool { return true }

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
	case http.StatusPreconditionFailed, http.StatusConflict: // Conflict: somebody else is just creating it
		return fs.ErrExist
	case http.StatusNotImplemented:
		return fmt.Errorf("%w: the storage does not support conditional writes (If-None-Match), so runs could overwrite each other's snapshots", err)
	}
	return err
}

func (b *s3Bucket) remove(ctx context.Context, name string) error {
	return b.client.RemoveObject(ctx, b.name, name, minio.RemoveObjectOptions{})
}

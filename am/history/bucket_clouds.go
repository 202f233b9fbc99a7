//go:build !demo

package history

import "context"

// buckets open what a target names, by its scheme. The credentials are where the cloud's own tools look for them.
var buckets = map[string]func(ctx context.Context, name string) (*bucket, error){
	"s3":     openS3,
	"gs":     openGCS,
	"azblob": openAzure,
}

//go:build !demo

package history

import "context"

// Each cloud has a client of its own. gocloud.dev/blob, one for all, makes a binary of 85 MB instead of 78, and writes the % in names
// as __0x25__ for Azure, where engines would no longer find the partitions of a dataset.
//
// buckets open what a target names, by its scheme. The credentials are where the cloud's own tools look for them.
var buckets = map[string]func(ctx context.Context, name string) (*bucket, error){
	"s3":     openS3,
	"gs":     openGCS,
	"azblob": openAzure,
}

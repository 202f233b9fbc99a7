package history

import "context"

// Each cloud has its own client. With gocloud.dev/blob, one library for all of them, the binary would have 85 MB
// instead of 78, and for Azure it writes % in names as __0x25__, so that engines would not find the partitions of a
// dataset.
//
// buckets opens the bucket that a target names, by the scheme of the target. Credentials come from where the cloud's
// own tools look for them.
var buckets = map[string]func(ctx context.Context, name string) (*bucket, error){
	"s3":     openS3,
	"gs":     openGCS,
	"azblob": openAzure,
}

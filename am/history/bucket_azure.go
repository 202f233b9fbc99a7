package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/amsql/steampipe-plugin-am/am/redact"
)

// azureBucket is a container of Azure Blob Storage.
type azureBucket struct{ client *container.Client }

// openAzure uses the same environment variables as Azure's command line, or otherwise an Entra identity.
func openAzure(_ context.Context, name string) (*bucket, error) {
	client, err := azureContainer(name, azcore.ClientOptions{})
	if err != nil {
		return nil, err
	}
	b := &azureBucket{client}
	return &bucket{b.list, b.read, b.upload, b.create, b.remove}, nil
}

func azureContainer(name string, options azcore.ClientOptions) (*container.Client, error) {
	account, token, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_SAS_TOKEN"), os.Getenv("AZURE_STORAGE_KEY")
	connection := os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
	switch {
	case connection != "":
	case account == "":
		return nil, errAzure
	case token != "":
		connection = "AccountName=" + account + ";SharedAccessSignature=" + strings.TrimPrefix(token, "?")
	case key != "":
		connection = "AccountName=" + account + ";AccountKey=" + key
	default:
		return azureByIdentity(account, name, options)
	}
	client, err := container.NewClientFromConnectionString(connection, name, &container.ClientOptions{ClientOptions: options})
	if err != nil { // it may contain the connection string
		return nil, errAzure
	}
	return client, nil
}

// azureByIdentity opens a container with the identity that Azure's SDK finds: a service principal from the environment,
// a workload identity, a managed identity, or the user signed in to Azure's command line.
func azureByIdentity(account, name string, options azcore.ClientOptions) (*container.Client, error) {
	identity, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, plain(err)
	}
	endpoint := cmp.Or(os.Getenv("AZURE_STORAGE_SERVICE_ENDPOINT"), "https://"+account+".blob.core.windows.net")
	return container.NewClient(strings.TrimSuffix(endpoint, "/")+"/"+name, identity, &container.ClientOptions{ClientOptions: options})
}

var errAzure = errors.New("set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT, with AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_KEY or an identity of Entra")

// plain reduces an error to one line without the address, which may contain a token.
func plain(err error) error {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return fmt.Errorf("%d %s", refused.StatusCode, refused.ErrorCode)
	}
	var unidentified interface{ NonRetriable() } // errors of azidentity have many lines
	if errors.As(err, &unidentified) {
		return errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return redact.URL(err)
}

func (b *azureBucket) list(ctx context.Context, prefix string, deep bool) (objects []object, err error) {
	delimiter := "/"
	if deep {
		delimiter = ""
	}
	pages := b.client.NewListBlobsHierarchyPager(delimiter, &container.ListBlobsHierarchyOptions{Prefix: &prefix})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, plain(err)
		}
		for _, folder := range page.Segment.BlobPrefixes {
			objects = append(objects, object{name: *folder.Name})
		}
		for _, o := range page.Segment.BlobItems {
			objects = append(objects, object{*o.Name, *o.Properties.LastModified})
		}
	}
	return objects, nil
}

func (b *azureBucket) read(ctx context.Context, name string) ([]byte, error) {
	o, err := b.client.NewBlockBlobClient(name).DownloadStream(ctx, nil)
	if err != nil {
		return nil, plain(err)
	}
	defer o.Body.Close()
	return io.ReadAll(o.Body)
}

func (b *azureBucket) upload(ctx context.Context, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = b.client.NewBlockBlobClient(name).UploadFile(ctx, file, nil)
	return plain(err)
}

func (b *azureBucket) create(ctx context.Context, name string, content []byte) error {
	anything := azcore.ETagAny
	absent := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &anything}}
	_, err := b.client.NewBlockBlobClient(name).UploadBuffer(ctx, content, &blockblob.UploadBufferOptions{AccessConditions: absent})
	if bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet) {
		return fs.ErrExist
	}
	return plain(err)
}

func (b *azureBucket) remove(ctx context.Context, name string) error {
	_, err := b.client.NewBlockBlobClient(name).Delete(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}
	return plain(err)
}

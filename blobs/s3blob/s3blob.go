// Package s3blob keeps blobs in a bucket of an S3-compatible object store.
package s3blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

// partSize is how much of a file is held in memory at a time while it is sent. It is the smallest part of the protocol
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const partSize = 5 << 20

// Options say where the bucket is. All but Prefix, Region and Transport are required.
type Options struct {
	// Endpoint is an http or https address, as in https://s3.example.org.
	Endpoint string
	// Region is what requests are signed for; empty for what most servers take.
	Region string
	Bucket string
	// Prefix stands before each name in the bucket, as in "parley/".
	Prefix    string
	AccessKey string
	SecretKey secret.String
	// Transport makes the calls; nil means the default one.
	Transport http.RoundTripper
}

// Store is a bucket of blobs. Make it with New.
type Store struct {
	client *minio.Client
	bucket string
	prefix string
}

var _ blobs.Store = (*Store)(nil)

// New makes a Store; it makes no call. Options that make no sense are a NeedsHuman fault.
func New(o Options) (*Store, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return nil, fault.New(fault.NeedsHuman, "open bucket", errors.New("the endpoint is no http or https address of a host"))
	}
	if o.Bucket == "" {
		return nil, fault.New(fault.NeedsHuman, "open bucket", errors.New("the bucket has no name"))
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(o.AccessKey, o.SecretKey.Reveal(), ""),
		Secure: u.Scheme == "https", Region: o.Region, Transport: o.Transport,
	})
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "open bucket", err)
	}
	return &Store{client: client, bucket: o.Bucket, prefix: o.Prefix}, nil
}

// Check looks whether the bucket is there. One that is missing, or credentials that do
// not open it, are a NeedsHuman fault; a server that does not answer is a Retryable one.
func (s *Store) Check(ctx context.Context) error {
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err == nil && !there {
		return fault.New(fault.NeedsHuman, "open bucket", fmt.Errorf("there is no bucket %q", s.bucket))
	}
	return failed("open bucket", err)
}

func (s *Store) key(ref core.BlobRef) string { return s.prefix + string(ref) }

// Put implements blobs.Store. An upload that breaks off leaves nothing that can be
// read: the object appears when its last part is confirmed.
func (s *Store) Put(ctx context.Context, ref core.BlobRef, r io.Reader, limit int64) (blobs.Info, error) {
	if err := blobs.Check(ref); err != nil {
		return blobs.Info{}, err
	}
	source := &source{r: blobs.Limit(r, limit)}
	// A file that ends within one part has a known length: one call instead of three.
	var head bytes.Buffer
	size, err := io.CopyN(&head, source, partSize)
	var body io.Reader = &head
	if err == nil {
		size, body = -1, io.MultiReader(&head, source)
	} else if !errors.Is(err, io.EOF) {
		return blobs.Info{}, failed("store file", err)
	}
	up, err := s.client.PutObject(ctx, s.bucket, s.key(ref), body, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize,
		// What every server of this protocol can check: the parts' MD5, whole bodies. Of
		// the streamed signatures and trailing checksums each knows only some.
		SendContentMd5: true, DisableContentSha256: true,
	})
	switch {
	case source.err != nil: // said in its own words, not the client's
		return blobs.Info{}, failed("store file", source.err)
	case err != nil:
		return blobs.Info{}, failed("store file", err)
	case up.Size != source.read:
		return blobs.Info{}, fault.New(fault.Retryable, "store file", fmt.Errorf("%d of %d bytes were stored", up.Size, source.read))
	}
	return s.Stat(ctx, ref)
}

// source remembers how reading ended.
type source struct {
	r    io.Reader
	read int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Open implements blobs.Store.
func (s *Store) Open(ctx context.Context, ref core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	info, err := s.Stat(ctx, ref)
	if err != nil {
		return nil, blobs.Info{}, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, s.key(ref), minio.GetObjectOptions{})
	if err != nil {
		return nil, blobs.Info{}, failed("open file", err)
	}
	return &file{object}, info, nil
}

// file is a blob that is being read.
type file struct{ *minio.Object }

func (f *file) Read(p []byte) (int, error) {
	n, err := f.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = failed("read file", err)
	}
	return n, err
}

// Stat implements blobs.Store.
func (s *Store) Stat(ctx context.Context, ref core.BlobRef) (blobs.Info, error) {
	if err := blobs.Check(ref); err != nil {
		return blobs.Info{}, err
	}
	info, err := s.client.StatObject(ctx, s.bucket, s.key(ref), minio.StatObjectOptions{})
	if err != nil {
		return blobs.Info{}, failed("look for file", err)
	}
	return blobs.Info{Size: info.Size, At: info.LastModified}, nil
}

// Delete implements blobs.Store.
func (s *Store) Delete(ctx context.Context, ref core.BlobRef) error {
	if err := blobs.Check(ref); err != nil {
		return err
	}
	return failed("delete file", s.client.RemoveObject(ctx, s.bucket, s.key(ref), minio.RemoveObjectOptions{}))
}

// Sweep implements blobs.Store.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	swept := 0
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true}) {
		if object.Err != nil {
			return swept, failed("sweep files", object.Err)
		}
		if !object.LastModified.Before(before) {
			continue
		}
		if err := s.client.RemoveObject(ctx, s.bucket, object.Key, minio.RemoveObjectOptions{}); err != nil {
			return swept, failed("sweep files", err)
		}
		swept++
	}
	return swept, nil
}

// failed classifies an error; one that is a fault already stays as it is.
func failed(op string, err error) error {
	if err == nil || errors.As(err, new(*fault.Error)) {
		return err
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == minio.NoSuchKey || answer.StatusCode == http.StatusNotFound:
		return fault.New(fault.Permanent, op, blobs.ErrNotFound)
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return fault.New(fault.NeedsHuman, op, err)
	default:
		return fault.New(fault.Retryable, op, err)
	}
}

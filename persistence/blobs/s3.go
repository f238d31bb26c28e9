package blobs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ticketblue/ticketing"
)

// S3Options say which bucket, and as whom.
type S3Options struct {
	URL    string // of the bucket, path-style: https://s3.example.com/bucket, with a prefix behind it if wanted
	Region string // "": asked for
	Key    string // access key
	Secret string
}

// S3 keeps blobs in a bucket of anything that speaks S3's protocol. The bucket must exist.
type S3 struct {
	client         *minio.Client
	bucket, prefix string
}

// OpenS3 opens a bucket. It fails when the bucket cannot be reached, or the keys do not open it.
func OpenS3(ctx context.Context, o S3Options) (*S3, error) {
	s, err := newS3(o)
	if err != nil {
		return nil, fmt.Errorf("opening the blobs' bucket: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	found, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return nil, fmt.Errorf("opening the blobs' bucket: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("opening the blobs' bucket: there is no bucket %q", s.bucket)
	}
	return s, nil
}

func newS3(o S3Options) (*S3, error) {
	where, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(where.Path, "/"), "/")
	if where.Host == "" || bucket == "" || where.Scheme != "http" && where.Scheme != "https" {
		return nil, fmt.Errorf("the bucket's address must look like https://host/bucket, not %q", o.URL)
	}
	client, err := minio.New(where.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.Key, o.Secret, ""), Secure: where.Scheme == "https",
		Region: o.Region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	return &S3{client, bucket, prefix}, nil
}

// Close does nothing: there is no connection to keep.
func (s *S3) Close() error { return nil }

// Put keeps a blob; it is as durable as the bucket is.
func (s *S3) Put(ctx context.Context, name, contentType string, body []byte) error {
	if err := check(name, len(body)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+name, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{
		ContentType: contentType, CacheControl: "public, max-age=31536000, immutable",
	})
	if err != nil {
		return fmt.Errorf("keeping blob %s: %w", name, err)
	}
	return nil
}

// Get returns ticketing.ErrNotFound when there is no such blob.
func (s *S3) Get(ctx context.Context, name string) ([]byte, error) {
	if !names.MatchString(name) {
		return nil, fmt.Errorf("blob %q: %w", name, ticketing.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	object, err := s.client.GetObject(ctx, s.bucket, s.prefix+name, minio.GetObjectOptions{})
	if err == nil {
		defer func() { _ = object.Close() }() // only read
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(object, MaxBytes)); err == nil {
			return body, nil
		}
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		err = ticketing.ErrNotFound
	}
	return nil, fmt.Errorf("reading blob %s: %w", name, err)
}

// Delete removes a blob; that there is none is no error.
func (s *S3) Delete(ctx context.Context, name string) error {
	if err := check(name, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	if err := s.client.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("deleting blob %s: %w", name, err)
	}
	return nil
}

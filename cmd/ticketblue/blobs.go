package main

import (
	"context"
	"os"
	"path/filepath"

	"ticketblue/persistence/blobs"
)

// blobFlags say where posters are kept. The bucket's keys are no flags, for flags are seen by every process on the
// machine.
type blobFlags struct {
	S3URL    string `name:"s3-url" env:"TB_S3_URL" placeholder:"URL" help:"Bucket for posters instead of a directory: https://host/bucket. Its keys: TB_S3_ACCESS_KEY, TB_S3_SECRET_KEY."`
	S3Region string `name:"s3-region" env:"TB_S3_REGION" placeholder:"NAME" help:"The bucket's region, where it is not found out."`
}

// blobStore keeps posters.
type blobStore interface {
	Put(ctx context.Context, name, contentType string, body []byte) error
	Get(ctx context.Context, name string) ([]byte, error)
	Delete(ctx context.Context, name string) error
	Close() error
}

// open opens the bucket that TB_S3_URL names, else a directory beside the other data.
func (f blobFlags) open(ctx context.Context, data string) (blobStore, error) {
	if f.S3URL == "" {
		return blobs.OpenDir(filepath.Join(data, "blobs"))
	}
	return blobs.OpenS3(ctx, blobs.S3Options{
		URL: f.S3URL, Region: f.S3Region, Key: os.Getenv("TB_S3_ACCESS_KEY"), Secret: os.Getenv("TB_S3_SECRET_KEY"),
	})
}

func (n *node) openBlobs(ctx context.Context) (err error) {
	if n.blobs, err = n.cmd.Blobs.open(ctx, n.cmd.Store.Data); err != nil {
		return err
	}
	n.atStop("blobs", func(context.Context) error { return n.blobs.Close() })
	return nil
}

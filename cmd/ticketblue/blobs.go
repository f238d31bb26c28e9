package main

import (
	"context"
	"os"
	"path/filepath"

	"ticketblue/persistence/blobs"
)

// blobStore keeps posters.
type blobStore interface {
	Put(ctx context.Context, name, contentType string, body []byte) error
	Get(ctx context.Context, name string) ([]byte, error)
	Delete(ctx context.Context, name string) error
	Close() error
}

// openBlobs opens the bucket that TB_S3_URL names, else a directory beside the other data. The keys are no flags, for
// flags are seen by every process on the machine.
func (n *node) openBlobs(ctx context.Context) (err error) {
	if n.cmd.S3URL == "" {
		n.blobs, err = blobs.OpenDir(filepath.Join(n.cmd.Store.Data, "blobs"))
	} else {
		n.blobs, err = blobs.OpenS3(ctx, blobs.S3Options{
			URL: n.cmd.S3URL, Region: n.cmd.S3Region,
			Key: os.Getenv("TB_S3_ACCESS_KEY"), Secret: os.Getenv("TB_S3_SECRET_KEY"),
		})
	}
	if err != nil {
		return err
	}
	n.atStop("blobs", func(context.Context) error { return n.blobs.Close() })
	return nil
}

package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ticketblue/ticketing"
)

// Dir keeps blobs as files of one directory.
type Dir struct{ root *os.Root }

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// OpenDir opens a directory and makes it if there is none.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("opening the blobs' directory: %w", err)
	}
	root, err := os.OpenRoot(path) // whatever a name says, nothing outside is touched
	if err != nil {
		return nil, fmt.Errorf("opening the blobs' directory: %w", err)
	}
	return &Dir{root}, nil
}

// Close lets go of the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Put keeps a blob. It is durable, and seen whole or not at all.
func (d *Dir) Put(_ context.Context, name, _ string, body []byte) error {
	if err := check(name, len(body)); err != nil {
		return err
	}
	if err := d.put(name, body); err != nil {
		return fmt.Errorf("keeping blob %s: %w", name, err)
	}
	return nil
}

func (d *Dir) put(name string, body []byte) error {
	temp := name + ".new"
	file, err := d.root.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(body)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, d.root.Remove(temp))
	}
	if err := d.root.Rename(temp, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Clean(d.root.Name()))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get returns ticketing.ErrNotFound when there is no such blob.
func (d *Dir) Get(_ context.Context, name string) ([]byte, error) {
	if !names.MatchString(name) {
		return nil, fmt.Errorf("blob %q: %w", name, ticketing.ErrNotFound)
	}
	file, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", name, ticketing.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", name, err)
	}
	body, err := io.ReadAll(io.LimitReader(file, MaxBytes))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", name, err)
	}
	return body, nil
}

// Delete removes a blob; that there is none is no error.
func (d *Dir) Delete(_ context.Context, name string) error {
	if err := check(name, 0); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting blob %s: %w", name, err)
	}
	return nil
}

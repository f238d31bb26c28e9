package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"ticketblue/api"
	"ticketblue/ticketing"
)

// The small commands.

type migrateCmd struct {
	Store storeFlags `embed:""`
}

// Run brings the tables up to date.
func (c migrateCmd) Run(ctx context.Context) error {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	return s.Close()
}

type openapiCmd struct {
	HTTP bool `name:"http" help:"Print a request for each operation instead, as an .http file for editors."`
}

// Run prints the document that the API's own types make.
func (c openapiCmd) Run() error {
	if c.HTTP {
		_, err := os.Stdout.WriteString(api.Requests())
		return err
	}
	document, err := api.OpenAPI()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(document, '\n'))
	return err
}

type journalCmd struct {
	Store  storeFlags `embed:""`
	Stream string     `arg:"" help:"Stream to print, such as round:42."`
}

// journalLine is one event as people read it.
type journalLine struct {
	Seq   uint64         `json:"seq"`
	At    time.Time      `json:"at"`
	Event string         `json:"event"`
	Fact  ticketing.Fact `json:"fact"`
}

// Run prints the events of a stream, oldest first.
func (c journalCmd) Run(ctx context.Context) (err error) {
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	history, err := s.LoadAll(ctx, ticketing.Stream(c.Stream))
	if err != nil {
		return fmt.Errorf("stream %s: %w", c.Stream, err)
	}
	out := bufio.NewWriter(os.Stdout)
	lines := json.NewEncoder(out)
	for _, chunk := range history.Tail {
		events, err := ticketing.DecodeChunk(chunk.Payload)
		if err != nil {
			return fmt.Errorf("stream %s at %d: %w", c.Stream, chunk.From, err)
		}
		for i, e := range events {
			if err := lines.Encode(journalLine{chunk.From + uint64(i), e.At.Time(), e.Name(), e.Fact}); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"ticketblue/search"
	"ticketblue/ticketing"
)

type verifyCmd struct {
	Store storeFlags  `embed:""`
	Index searchFlags `embed:""`
	JSON  bool        `name:"json" help:"Print the whole report as JSON, with every live reservation."`
}

const verifyLimit = 5 * time.Minute

// verifyReport is what verify found. OK means that nothing differs anywhere.
type verifyReport struct {
	OK       bool          `json:"ok"`
	Problems []string      `json:"problems"`
	Live     bool          `json:"live"` // a running server's machines were compared too
	Events   uint64        `json:"events"`
	Rounds   []roundReport `json:"rounds"`

	Campaigns []campaignReport `json:"campaigns"`

	Index []search.Difference `json:"index"` // by kind: how the search index differs from the database
	Notes []string            `json:"notes"` // what is worth knowing and no problem
}

type roundReport struct {
	Round        int64               `json:"round"`
	Seq          uint64              `json:"seq"`
	Hash         string              `json:"hash"`
	Snapshots    int                 `json:"snapshots"`
	Free         int                 `json:"free"`
	Held         int                 `json:"held"`
	Sold         int                 `json:"sold"`
	Blocked      int                 `json:"blocked"`
	Reservations []reservationReport `json:"reservations"`
}

type reservationReport struct {
	ID     string   `json:"id"`
	User   int64    `json:"user"`
	Status string   `json:"status"`
	Seats  []string `json:"seats"`
}

// Run asks the server that holds the data directory, else opens the directory itself.
func (c verifyCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	report, err := c.report(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = report.print(os.Stdout)
	}
	if err == nil && !report.OK {
		err = errDiffers
	}
	return err
}

func (c verifyCmd) report(ctx context.Context) (*verifyReport, error) {
	if server, ok := readServerFile(c.Store.Data); ok && server.Store == c.Store.storeName() {
		if syscall.Kill(server.PID, 0) == nil { // else it was killed, and its file is left
			newProgress(os.Stderr, "Verifying", 0).say("The server that runs here replays everything; that may take a while.")
		}
		if report, err := askServer(ctx, server.OpsURL); !errors.Is(err, errNoServer) {
			return report, err
		}
	}
	s, err := c.Store.openShared(ctx, c.Store.logger())
	if err != nil {
		return nil, err
	}
	report, err := c.offline(ctx, s)
	return report, errors.Join(err, s.Close())
}

// offline verifies what nobody serves.
func (c verifyCmd) offline(ctx context.Context, s *store) (*verifyReport, error) {
	report, err := verify(ctx, s, nil, newProgress(os.Stderr, "Verifying", 0))
	if err != nil {
		return nil, err
	}
	engine, stop, err := c.Index.open(ctx, s, c.Store.logger())
	if err != nil {
		return nil, err
	}
	defer stop()
	return report, report.index(ctx, engine, s, 0) // nobody follows
}

var errNoServer = errors.New("no server answers")

func askServer(ctx context.Context, opsURL string) (*verifyReport, error) {
	report := new(verifyReport)
	if err := postOps(ctx, opsURL+"/verify", report); err != nil {
		return nil, err
	}
	return report, nil
}

// postOps has a running server make a report; errNoServer when there is none.
func postOps(ctx context.Context, url string, report any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoServer, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("reading the server's report: %w", err)
	}
	if err := json.Unmarshal(body, report); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s: %.200s", resp.Status, body)
	}
	return nil
}

func (r *verifyReport) print(w io.Writer) error {
	var out bytes.Buffer
	verdict := "PASS"
	if !r.OK {
		verdict = "FAIL"
	}
	compared := "snapshots and read tables"
	if r.Live {
		compared = "snapshots, read tables and live state"
	}
	fmt.Fprintf(&out, "%s  %d rounds, %d campaigns, %d events replayed and compared with %s\n", verdict, len(r.Rounds), len(r.Campaigns), r.Events, compared)
	for _, p := range r.Problems {
		fmt.Fprintln(&out, "  differs:", p)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(&out, "  note:", n)
	}
	if len(r.Index) > 0 {
		fmt.Fprintln(&out, "  search index:", r.indexed())
	}
	for _, x := range r.Rounds {
		fmt.Fprintf(&out, "  round %d: seq %d, free %d, held %d, sold %d, blocked %d, %d live reservations, %d snapshots\n",
			x.Round, x.Seq, x.Free, x.Held, x.Sold, x.Blocked, len(x.Reservations), x.Snapshots)
	}
	for _, x := range r.Campaigns {
		fmt.Fprintf(&out, "  campaign %d: seq %d, %d issued of %s, %d reserved, %d redeemed, %d snapshots\n",
			x.Campaign, x.Seq, x.Issued, x.stock(), x.Reserved, x.Redeemed, x.Snapshots)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// asker is a running server's machines; nil when there are none.
type asker interface {
	Do(ctx context.Context, s ticketing.Stream, cmd ticketing.Command) ticketing.Result
}

// verify replays every stream from its first event and compares: with an auditor that shares no rule with the
// machine, with every snapshot, and with the live machine. shown counts the streams.
func verify(ctx context.Context, s *store, live asker, shown *progress) (*verifyReport, error) {
	defer shown.end()
	streams, err := s.Streams(ctx)
	if err != nil {
		return nil, err
	}
	frozen, err := s.Frozen(ctx)
	if err != nil {
		return nil, err
	}
	report := &verifyReport{Live: live != nil, Problems: []string{}, Notes: []string{}, Index: []search.Difference{}, Rounds: []roundReport{}, Campaigns: []campaignReport{}}
	for _, f := range frozen {
		report.differs(f.Stream, "it is frozen: %s", f.Reason)
	}
	shown.total = len(streams)
	for _, stream := range streams {
		if _, _, ok := stream.Catalogue(); ok {
			err = report.catalogue(ctx, s, stream)
		} else {
			err = report.stream(ctx, s, live, stream)
		}
		if err != nil {
			return nil, fmt.Errorf("verifying %s: %w", stream, err)
		}
		shown.add(1)
	}
	report.OK = len(report.Problems) == 0
	return report, nil
}

func (r *verifyReport) differs(s ticketing.Stream, format string, args ...any) {
	r.Problems = append(r.Problems, string(s)+": "+fmt.Sprintf(format, args...))
}

// insist asks a live machine for its hash until it answers: busy or away says nothing about its state.
func insist(ctx context.Context, live asker, stream ticketing.Stream) (ticketing.Result, error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		answer := live.Do(ctx, stream, ticketing.ReadHash{})
		if answer.Code != ticketing.CodeBusy && answer.Code != ticketing.CodeUnavailable {
			return answer, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return answer, fmt.Errorf("the live machine still answers %s", answer.Code)
		}
	}
}

// stream verifies one stream. The live machine is asked first: what it knows is durable by then, so the journal
// read afterwards holds at least that.
func (r *verifyReport) stream(ctx context.Context, s *store, live asker, stream ticketing.Stream) error {
	want := map[uint64][]claim{}
	if live != nil {
		answer, err := insist(ctx, live, stream)
		if err != nil {
			return err
		}
		if answer.Code != ticketing.OK {
			r.differs(stream, "the live machine answers %s", answer.Code)
		} else {
			want[answer.Seq] = append(want[answer.Seq], claim{"live state", answer.Hash})
		}
	}
	snapshots, err := s.Snapshots(ctx, stream)
	if err != nil {
		return err
	}
	for _, snap := range snapshots {
		if sha256.Sum256(snap.State) != snap.Hash {
			r.differs(stream, "the snapshot at event %d is damaged; it is ignored and will be replaced", snap.Seq)
			continue
		}
		if snap.Version == ticketing.SnapshotVersion {
			want[snap.Seq] = append(want[snap.Seq], claim{"snapshot", snap.Hash})
		}
	}
	if _, isCampaign := stream.Campaign(); isCampaign {
		return r.campaign(ctx, s, stream, want, len(snapshots))
	}
	// The tables before the journal: what they hold is in the journal by then.
	var tables readTables
	if tables.live, tables.projected, err = s.ReadTables(ctx, stream); err != nil {
		return err
	}
	history, err := s.LoadAll(ctx, stream)
	if err != nil {
		r.differs(stream, "its journal does not load: %v", err)
		return ctx.Err()
	}
	x := refold(stream, history, want, tables)
	for _, p := range x.problems {
		r.differs(stream, "%s", p)
	}
	r.Events += x.round.Seq
	x.round.Snapshots = len(snapshots)
	r.Rounds = append(r.Rounds, x.round)
	return nil
}

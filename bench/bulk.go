package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/bench/report"
)

// Bulk is the command's flags.
type Bulk struct {
	Rows       int    `default:"100000" help:"Accounts that are changed, each way."`
	Portion    int    `default:"1000" help:"Rows of one transaction, which also moves a checkpoint."`
	Repeat     int    `default:"3" help:"Turns of each way, on a table made anew; figures are medians."`
	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Database   string `placeholder:"URL" help:"A Postgres for the table; without it the private one of a ticketblue that is started for this."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

// Validate checks the flags; kong calls it.
func (b *Bulk) Validate() error {
	if b.Rows < 1 || b.Rows > 5_000_000 || b.Portion < 1 || b.Portion > 50_000 || b.Repeat < 1 {
		return errors.New("--rows goes from 1 to 5000000, --portion from 1 to 50000, --repeat from 1")
	}
	return nil
}

// bulkWay is a way of changing many rows, and what came of it.
type bulkWay struct {
	Name    string    `json:"name"`
	Seconds []float64 `json:"seconds"`
	Median  float64   `json:"median_seconds"`
	Ratio   float64   `json:"times_faster"` // than row by row
	Changed []int64   `json:"rows_changed_once"`
	Control bool      `json:"control,omitempty"` // must be found wanting

	portions func(ids []int64, size int) [][]int64
	change   func(ctx context.Context, tx pgx.Tx, ids []int64) error
}

const bulkSchema = `
DROP TABLE IF EXISTS bench_accounts, bench_checkpoint;
CREATE TABLE bench_accounts (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, kakao text, changes integer NOT NULL DEFAULT 0);
CREATE TABLE bench_checkpoint (at bigint NOT NULL);
INSERT INTO bench_checkpoint VALUES (0);`

// newKakao is what an account is given: made here, as the ids of another service are.
func newKakao(id int64) string { return "kakao-" + strconv.FormatInt(id*7919, 10) }

func bulkWays() []*bulkWay {
	whole := func(ids []int64, size int) [][]int64 { return slices.Collect(slices.Chunk(ids, size)) }
	return []*bulkWay{
		{Name: "row by row", portions: whole, change: rowByRow},
		{Name: "batched", portions: whole, change: batched},
		{Name: "unnest", portions: whole, change: unnested},
		{Name: "copy", portions: whole, change: copied},
		{Name: "control: clears what it walks", portions: clearing, change: unnested, Control: true},
	}
}

const changeSQL = `UPDATE bench_accounts SET kakao = $2, changes = changes + 1 WHERE id = $1`

func rowByRow(ctx context.Context, tx pgx.Tx, ids []int64) error {
	for _, id := range ids {
		if _, err := tx.Exec(ctx, changeSQL, id, newKakao(id)); err != nil {
			return err
		}
	}
	return nil
}

func batched(ctx context.Context, tx pgx.Tx, ids []int64) error {
	var batch pgx.Batch
	for _, id := range ids {
		batch.Queue(changeSQL, id, newKakao(id))
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func unnested(ctx context.Context, tx pgx.Tx, ids []int64) error {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = newKakao(id)
	}
	_, err := tx.Exec(ctx, `
		UPDATE bench_accounts a SET kakao = w.kakao, changes = changes + 1 FROM unnest($1::bigint[], $2::text[]) w (id, kakao) WHERE a.id = w.id`, ids, names)
	return err
}

func copied(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if _, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE bench_new (id bigint, kakao text) ON COMMIT DROP`); err != nil {
		return err
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"bench_new"}, []string{"id", "kakao"}, pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) {
		return []any{ids[i], newKakao(ids[i])}, nil
	}))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE bench_accounts a SET kakao = w.kakao, changes = changes + 1 FROM bench_new w WHERE a.id = w.id`)
	return err
}

// clearing is the loop of a batch job that was praised for its speed: each portion is a view of the list, clearing it
// after use takes its rows out of the list, and the index goes on all the same.
func clearing(ids []int64, size int) (portions [][]int64) {
	left := slices.Clone(ids)
	for i := 0; i < len(left); i += size {
		end := min(i+size, len(left))
		portions = append(portions, slices.Clone(left[i:end]))
		left = slices.Delete(left, i, end)
	}
	return portions
}

// run measures, writes the report, and tells whether every way has changed every row once, and the control was caught.
func (b *Bulk) run(ctx context.Context, out io.Writer) bool {
	ways, kept := bulkWays(), ""
	measure := func(dsn string) error { return b.measure(ctx, dsn, ways) }
	var err error
	if b.Database != "" {
		err = measure(b.Database)
	} else {
		err = binary{path: b.Ticketblue}.onServer(ctx, "", &kept, func(_ string, server binary) error {
			dsn, err := privatePostgres(server.data)
			if err != nil {
				return err
			}
			return measure(dsn)
		})
	}
	if err == nil && b.JSON != "" {
		err = report.WriteJSON(b.JSON, ways)
	}
	if err != nil {
		fmt.Fprintln(out, "FAIL  the run did not finish:", err, kept)
		return false
	}
	return b.judge(out, ways)
}

func (b *Bulk) judge(out io.Writer, ways []*bulkWay) bool {
	findings := 0
	for _, w := range ways {
		for _, changed := range w.Changed {
			if (changed == int64(b.Rows)) == w.Control && b.Rows > b.Portion {
				findings++
			}
		}
	}
	verdict := "PASS"
	if findings > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "%s  %d rows each way, in transactions of %d with their checkpoint: every row changed once, the control caught; findings %d\n\n",
		verdict, b.Rows, b.Portion, findings)
	fmt.Fprintf(out, "%-30s %9s %10s %13s %12s   %s\n", "", "seconds", "rows/s", "times faster", "changed", "all runs")
	for _, w := range ways {
		fmt.Fprintf(out, "%-30s %9.2f %10.0f %13.1f %12d   %.2f\n", w.Name, w.Median, float64(w.Changed[0])/w.Median, w.Ratio, slices.Min(w.Changed), w.Seconds)
	}
	return findings == 0
}

// measure gives each way its turns.
func (b *Bulk) measure(ctx context.Context, dsn string, ways []*bulkWay) (err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	ids := make([]int64, b.Rows)
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	for range b.Repeat {
		for _, w := range ways {
			if err := b.turn(ctx, conn, w, ids); err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
		}
	}
	for _, w := range ways {
		w.Median = report.Median(w.Seconds)
		w.Ratio = ways[0].Median / w.Median
	}
	_, err = conn.Exec(ctx, `DROP TABLE bench_accounts, bench_checkpoint`)
	return err
}

// turn is one way once, on a table made anew.
func (b *Bulk) turn(ctx context.Context, conn *pgx.Conn, w *bulkWay, ids []int64) error {
	if _, err := conn.Exec(ctx, bulkSchema); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `INSERT INTO bench_accounts SELECT n, 'u' || n || '@example.com', 'N' FROM generate_series(1, $1) n`, len(ids))
	if err != nil {
		return err
	}
	for _, sql := range []string{`VACUUM ANALYZE bench_accounts`, `CHECKPOINT`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	began := time.Now()
	for _, portion := range w.portions(ids, b.Portion) {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := w.change(ctx, tx, portion); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE bench_checkpoint SET at = $1`, portion[len(portion)-1])
			return err
		})
		if err != nil {
			return err
		}
	}
	w.Seconds = append(w.Seconds, time.Since(began).Seconds())
	var changed int64
	err = conn.QueryRow(ctx, `SELECT count(*) FROM bench_accounts WHERE changes = 1 AND kakao = 'kakao-' || id * 7919`).Scan(&changed)
	w.Changed = append(w.Changed, changed)
	return err
}

// privatePostgres is the address of the Postgres that a ticketblue runs for itself.
func privatePostgres(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, "postgres", "lock"))
	if err != nil {
		return "", err
	}
	var owner struct {
		Socket string `json:"socket"`
	}
	if err := json.Unmarshal(text, &owner); err != nil || owner.Socket == "" {
		return "", fmt.Errorf("its Postgres has not said where it is: %w", err)
	}
	q := url.Values{"host": {owner.Socket}, "port": {"5432"}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: q.Encode()}).String(), nil
}

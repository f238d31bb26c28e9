package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ticketblue/jobs"
	"ticketblue/notify"
	"ticketblue/persistence"
	"ticketblue/persistence/embedded"
	"ticketblue/ticketing"
)

// storeFlags say where everything is kept; every command that touches data has them.
type storeFlags struct {
	Data        string `default:"./data" env:"TB_DATA" placeholder:"DIR" help:"Directory for everything that is kept (${default})."`
	DatabaseURL string `env:"TB_DATABASE_URL" placeholder:"URL" help:"Postgres to use instead of a private one in the data directory."`
	LogLevel    string `default:"warn" enum:"debug,info,warn,error" env:"TB_LOG_LEVEL" help:"Least level that is logged (JSON, to stderr)."`
}

const (
	dirMode    = 0o700
	secretMode = 0o600

	storeStopLimit = 20 * time.Second // a checkpoint has to write what is dirty, on whatever disk there is
)

func (f storeFlags) logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// store is an open database, private or not.
type store struct {
	*persistence.DB
	dsn     string
	private *embedded.Server // nil when the database is somebody else's, or another process runs it
	tokens  []byte           // key that access tokens are signed with
	jobs    *jobs.Jobs       // what transactions demand to be done
}

// openOwn opens the store to serve from it: nobody else may have the data directory.
func (f storeFlags) openOwn(ctx context.Context, log *slog.Logger) (*store, error) {
	if err := os.MkdirAll(f.Data, dirMode); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if f.DatabaseURL != "" {
		return f.open(ctx, log, f.DatabaseURL, nil)
	}
	server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(f.Data, "postgres"), Log: log})
	if err != nil {
		return nil, err
	}
	return f.open(ctx, log, server.DSN(), server)
}

// openShared opens the store beside a server that may be running on it.
func (f storeFlags) openShared(ctx context.Context, log *slog.Logger) (*store, error) {
	if f.DatabaseURL == "" {
		dsn, held, err := embedded.Attach(filepath.Join(f.Data, "postgres"))
		if err != nil {
			return nil, err
		}
		if held {
			return f.open(ctx, log, dsn, nil)
		}
	}
	return f.openOwn(ctx, log)
}

func (f storeFlags) open(ctx context.Context, log *slog.Logger, dsn string, private *embedded.Server) (_ *store, err error) {
	s := &store{dsn: dsn, private: private}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.tokens, err = f.tokenKey(); err != nil {
		return nil, err
	}
	if err := persistence.Migrate(ctx, dsn); err != nil {
		return nil, err
	}
	if err := jobs.Migrate(ctx, dsn); err != nil {
		return nil, err
	}
	if s.jobs, err = jobs.New(jobs.Options{DSN: dsn, Log: log, Lanes: lanes, Alone: private != nil}); err != nil {
		return nil, err
	}
	s.jobs.Declare(kinds...)
	s.DB, err = persistence.Open(ctx, persistence.Options{DSN: dsn, Log: log, Enqueue: s.jobs.Enqueue, NoticeJob: notify.NoticeJob, IndexJob: indexJob})
	return s, err
}

// Close lets go of the database, and stops it if it is ours.
func (s *store) Close() error {
	if s.DB != nil {
		s.DB.Close()
	}
	if s.private == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeStopLimit)
	defer cancel()
	return s.private.Stop(ctx)
}

const tokenKeyBytes = 32

// tokenKey is the key of access tokens: TB_TOKEN_KEY, or one made at the first start and kept beside the data. It
// is no flag, for flags are seen by every process on the machine.
func (f storeFlags) tokenKey() ([]byte, error) {
	path := filepath.Join(f.Data, "token.key")
	text, fromEnv := os.LookupEnv("TB_TOKEN_KEY")
	if !fromEnv {
		kept, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return makeTokenKey(path)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the token key: %w", err)
		}
		text = string(kept)
	}
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) < tokenKeyBytes {
		return nil, fmt.Errorf("TB_TOKEN_KEY or %s must be at least %d hexadecimal digits", path, 2*tokenKeyBytes)
	}
	return key, nil
}

func makeTokenKey(path string) ([]byte, error) {
	key := make([]byte, tokenKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making a token key: %w", err)
	}
	return key, writeWhole(path, []byte(hex.EncodeToString(key)+"\n"))
}

// writeWhole writes a small private file so that a reader sees all of it or nothing, after a power cut too.
func writeWhole(path string, body []byte) (err error) {
	temp := path + ".new"
	file, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, secretMode)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = file.Write(body)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// CreateRound plans a round: its catalogue row and the first event of its stream, in one transaction.
func (s *store) CreateRound(ctx context.Context, r ticketing.RoundInfo) (ticketing.RoundInfo, error) {
	first, writer, err := plannedRound(r)
	if err != nil {
		return r, err
	}
	return s.DB.CreateRound(ctx, r, first, writer)
}

func plannedRound(r ticketing.RoundInfo) (payload []byte, writer ticketing.WriterID, err error) {
	return firstChunk(ticketing.RoundPlanned{Plan: r.PlanHash, Terms: r.Terms})
}

// CreateCampaign plans a campaign in the same way.
func (s *store) CreateCampaign(ctx context.Context, c ticketing.CampaignInfo) (ticketing.CampaignInfo, error) {
	first, writer, err := firstChunk(ticketing.CampaignPlanned{Terms: c.Terms})
	if err != nil {
		return c, err
	}
	return s.DB.CreateCampaign(ctx, c, first, writer)
}

// firstChunk is what a stream is born with.
func firstChunk(planned ticketing.Fact) (payload []byte, writer ticketing.WriterID, err error) {
	return firstEvent(ticketing.Event{At: ticketing.MillisOf(time.Now()), Fact: planned})
}

func firstEvent(planned ticketing.Event) (payload []byte, writer ticketing.WriterID, err error) {
	if _, err := rand.Read(writer[:]); err != nil {
		return nil, writer, fmt.Errorf("naming a writer: %w", err)
	}
	return ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{planned})), writer, nil
}

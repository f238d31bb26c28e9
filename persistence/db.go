package persistence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketblue/ticketing"
)

// Limits of every connection.
const (
	statementTimeout = 5 * time.Second
	lockTimeout      = 1 * time.Second
	connectTimeout   = 2 * time.Second
	connLifetime     = 30 * time.Minute // so that connections follow a moved server
	defaultMaxConns  = 8
)

// MaxSkew is how far this machine's clock may be from Postgres' before the node must not serve.
const MaxSkew = 1 * time.Second

const appRole = "ticketblue_app"

var errNoJobs = errors.New("this database was opened without a way to enqueue jobs")

// Options of Open.
type Options struct {
	DSN      string           // URL or key=value form
	Log      *slog.Logger     // default: slog.Default()
	MaxConns int32            // connections of the pool; default 8. The journal and the ownership lock have their own.
	Clock    func() time.Time // for the events of the catalogue and what "today" is; default time.Now

	// Enqueue adds jobs in a transaction. Needed by what demands work outside of the database.
	Enqueue func(ctx context.Context, tx pgx.Tx, jobs []ticketing.Job) error
	// NoticeJob makes the job that tells somebody something. Needed by tasks that do.
	NoticeJob func(ticketing.Notice) ticketing.Job
	// IndexJob makes the job that looks after reservations in a search index, when a customer's name or a performance's
	// title has changed at that moment. nil: there is none.
	IndexJob func(which ticketing.ReservationChoice, at time.Time) ticketing.Job
}

// DB is the room's door: the catalogue, the accounts and the journal's reading side, over one pool of connections.
// Its methods may be called from many goroutines.
type DB struct {
	dsn   string
	log   *slog.Logger
	pool  *pgxpool.Pool
	plans planCache
	tail  tail

	enqueue   func(ctx context.Context, tx pgx.Tx, jobs []ticketing.Job) error
	noticeJob func(ticketing.Notice) ticketing.Job
	indexJob  func(which ticketing.ReservationChoice, at time.Time) ticketing.Job
	clock     func() time.Time

	onEdit atomic.Pointer[func(ticketing.Stream, ticketing.Head)]
}

// Open connects to a migrated database. It fails when the server does not answer.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Enqueue == nil {
		o.Enqueue = func(context.Context, pgx.Tx, []ticketing.Job) error { return errNoJobs }
	}
	if o.MaxConns == 0 {
		o.MaxConns = defaultMaxConns
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	pool, err := OpenPool(ctx, o.DSN, "ticketblue", o.MaxConns, o.Log)
	if err != nil {
		return nil, err
	}
	return &DB{dsn: o.DSN, log: o.Log, pool: pool, enqueue: o.Enqueue, noticeJob: o.NoticeJob, indexJob: o.IndexJob, clock: o.Clock}, nil
}

// Close gives all pooled connections back; it waits for those in use.
func (db *DB) Close() { db.pool.Close() }

// Skew is how far Postgres' clock is ahead of this machine's; negative when it is behind. The error of the
// measurement is at most half the time the question took.
func (db *DB) Skew(ctx context.Context) (time.Duration, error) {
	var theirs time.Time
	asked := time.Now()
	if err := db.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return 0, fmt.Errorf("asking Postgres for the time: %w", err)
	}
	took := time.Since(asked)
	return theirs.Sub(asked.Add(took / 2)), nil
}

// dedicated opens a connection outside the pool, with extra settings of its own.
func dedicated(ctx context.Context, dsn, name string, settings map[string]string, log *slog.Logger) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the database address: %w", err)
	}
	prepareSession(cfg, name)
	for k, v := range settings {
		cfg.RuntimeParams[k] = v
	}
	return connect(ctx, cfg, log)
}

func connect(ctx context.Context, cfg *pgx.ConnConfig, log *slog.Logger) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := becomeApp(ctx, conn, log); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

func prepareSession(cfg *pgx.ConnConfig, name string) {
	cfg.ConnectTimeout = connectTimeout
	cfg.RuntimeParams["application_name"] = name
	cfg.RuntimeParams["statement_timeout"] = milliseconds(statementTimeout)
	cfg.RuntimeParams["lock_timeout"] = milliseconds(lockTimeout)
	cfg.RuntimeParams["synchronous_commit"] = "on" // a "yes" is durable, whatever the cluster's default is
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["jit"] = "off" // it takes a second or two, and no statement of ours runs so long
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// becomeApp takes the role that cannot change the journal. Where the database user may not have such a role, the
// program runs as that user and says so.
func becomeApp(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	var role string
	err := conn.QueryRow(ctx,
		`SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER')`,
		appRole).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) || hasCode(err, "42501") {
		log.Warn("the database user cannot take the application's role: nothing but the program keeps the journal from being changed",
			"role", appRole, "user", conn.Config().User)
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking role %s: %w", appRole, err)
	}
	return nil
}

// hasCode tells whether Postgres answered with one of these SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}

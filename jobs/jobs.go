package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"ticketblue/ticketing"
)

// Limits of the work.
const (
	JobLimit    = 30 * time.Second   // one attempt; after it the work's context has ended
	RescueAfter = 2 * time.Minute    // a job whose node died is tried again
	FirstRetry  = 1 * time.Second    // pause after the first failure; it doubles with each
	LastRetry   = 15 * time.Minute   // up to this
	MaxAttempts = 300                // some three days
	Retention   = 7 * 24 * time.Hour // of jobs that are done, given up or canceled, and of their keys
	// firstWarning is the attempt whose failure is the first that the log has a warning of.
	firstWarning = 5
	MaxArgs      = 8 << 10 // bytes of one job's arguments
	MaxJobs      = 10_000  // in one statement; more are cut into several

	defaultWorkers = 20
	poolConns      = 8
	connectLimit   = 5 * time.Second
	// Work should begin soon after its commit; River asks again at the latest after the poll. What is not to be done
	// yet is looked at every few seconds.
	fetchCooldown = 20 * time.Millisecond
	fetchPoll     = 1 * time.Second

	appRole = "ticketblue_app" // of persistence: River needs no more than the rest of the program
)

// Options of New.
type Options struct {
	DSN     string       // of the database that the transactions of Enqueue are in
	Log     *slog.Logger // default: slog.Default()
	Workers int          // jobs worked at once on this node; default 20

	// Lanes are kinds that have workers of their own, so many, and keep nobody else's busy: those that wait for
	// somebody outside. Whoever enqueues them must know of the same lanes.
	Lanes map[string]int

	// Alone: whoever worked on this database before is known to be dead. What it had under way is taken up again at
	// Start, not after RescueAfter.
	Alone bool

	firstRetry time.Duration // tests are in a hurry
}

// Jobs works what is enqueued. Kinds are registered before Start; Enqueue works before it, too.
type Jobs struct {
	opts     Options
	kinds    map[string]func(ctx context.Context, args []byte) error
	enqueuer *river.Client[pgx.Tx]
	pool     *pgxpool.Pool         // nil before Start
	worker   *river.Client[pgx.Tx] // nil before Start

	timetable *timetable // nil: nothing is done by the clock
}

// New makes a Jobs that works nothing yet. It does not ask the database.
func New(o Options) (*Jobs, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	if o.firstRetry == 0 {
		o.firstRetry = FirstRetry
	}
	j := &Jobs{opts: o, kinds: map[string]func(context.Context, []byte) error{}}
	var err error
	j.enqueuer, err = river.NewClient(riverpgxv5.New(nil), &river.Config{Logger: o.Log, MaxAttempts: MaxAttempts})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return j, nil
}

// Register says who works a kind of job: fn, with the job's arguments. It may be called for one job more than once,
// after a failure or a crash. An error with a method Later() time.Duration is no failure: the job is worked again after
// that time. All kinds are registered before Start, each once; anything else is a bug and panics.
func (j *Jobs) Register(kind string, fn func(ctx context.Context, args []byte) error) {
	if j.worker != nil || kind == "" || j.kinds[kind] != nil {
		panic(fmt.Sprintf("jobs: kind %q is registered twice or too late", kind))
	}
	j.kinds[kind] = fn
}

// later are errors that are no failure.
type later interface{ Later() time.Duration }

// Declare says which kinds there are, for a process that enqueues them and leaves the work to others. Start wants
// them all registered.
func (j *Jobs) Declare(kinds ...string) {
	for _, kind := range kinds {
		j.kinds[kind] = nil
	}
}

// envelope is a job as River keeps it.
type envelope struct {
	Key  string          `json:"key" river:"unique"`
	Data json.RawMessage `json:"data"`
	kind string
}

// Kind names the work, for River.
func (e envelope) Kind() string { return e.kind }

// Enqueue adds jobs in the caller's transaction; those whose key is known already are passed over. A kind that
// nobody registered, or arguments that are no JSON or too long, are an error, and the transaction should not be
// committed.
func (j *Jobs) Enqueue(ctx context.Context, tx pgx.Tx, list []ticketing.Job) error {
	seen := make(map[string]bool, len(list))
	params := make([]river.InsertManyParams, 0, len(list))
	for _, job := range list {
		if err := j.check(job); err != nil {
			return err
		}
		if seen[job.Key] { // one statement cannot meet the same key twice
			continue
		}
		seen[job.Key] = true
		opts := onceOnly()
		opts.ScheduledAt, opts.Queue = job.At.Time(), j.queue(job.Kind)
		params = append(params, river.InsertManyParams{Args: envelope{Key: job.Key, Data: job.Args, kind: job.Kind}, InsertOpts: opts})
	}
	for part := range slices.Chunk(params, MaxJobs) {
		// Not River's faster way by COPY: there a key that is known fails the whole transaction.
		if _, err := j.enqueuer.InsertManyTx(ctx, tx, part); err != nil {
			return fmt.Errorf("jobs: enqueueing %d: %w", len(part), err)
		}
	}
	return nil
}

// queue is where jobs of a kind wait.
func (j *Jobs) queue(kind string) string {
	if _, own := j.opts.Lanes[kind]; own {
		return kind
	}
	return river.QueueDefault
}

func (j *Jobs) check(job ticketing.Job) error {
	switch {
	case !j.knows(job.Kind):
		return fmt.Errorf("jobs: there is no kind %q (%s)", job.Kind, job.Key)
	case job.Key == "":
		return fmt.Errorf("jobs: a job of kind %q has no key", job.Kind)
	case len(job.Args) > MaxArgs || !json.Valid(job.Args):
		return fmt.Errorf("jobs: the arguments of %s, %d bytes, are no JSON of at most %d", job.Key, len(job.Args), MaxArgs)
	}
	return nil
}

func (j *Jobs) knows(kind string) bool {
	_, known := j.kinds[kind]
	return known
}

// Start begins to work. It fails when the database does not answer.
func (j *Jobs) Start(ctx context.Context) error {
	for kind, fn := range j.kinds {
		if fn == nil {
			return fmt.Errorf("jobs: kind %q is declared, but nobody works it", kind)
		}
	}
	pool, err := j.open(ctx)
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(pool), j.config())
	if err == nil && j.opts.Alone {
		err = j.takeUp(ctx, pool)
	}
	if err == nil && j.timetable != nil {
		err = j.timetable.start(ctx)
	}
	if err == nil && len(j.kinds) > 0 {
		// Not the caller's context: its end would break jobs off, Stop does not.
		err = client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		pool.Close()
		return fmt.Errorf("jobs: %w", err)
	}
	j.pool, j.worker = pool, client
	return nil
}

// takeUp makes what a dead process was working on available. Its attempt counts, so that a job which kills the program
// each time ends, too: River's rescuer gives it up after the last.
func (j *Jobs) takeUp(ctx context.Context, pool *pgxpool.Pool) error {
	done, err := pool.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'running' AND attempt < max_attempts`)
	if err == nil && done.RowsAffected() > 0 {
		j.opts.Log.Info("jobs taken up that were under way when the program died", "jobs", done.RowsAffected())
	}
	return err
}

func (j *Jobs) config() *river.Config {
	workers := river.NewWorkers()
	for _, kind := range slices.Sorted(maps.Keys(j.kinds)) {
		fn := j.kinds[kind]
		river.AddWorkerArgs(workers, envelope{kind: kind}, river.WorkFunc(func(ctx context.Context, job *river.Job[envelope]) error {
			err := fn(ctx, job.Args.Data)
			var wait later
			if errors.As(err, &wait) {
				return river.JobSnooze(wait.Later())
			}
			return err
		}))
	}
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: j.opts.Workers}}
	for kind, workers := range j.opts.Lanes {
		queues[kind] = river.QueueConfig{MaxWorkers: workers}
	}
	config := &river.Config{
		Logger:                      j.opts.Log,
		Queues:                      queues,
		Workers:                     workers,
		FetchOnlyKnownKinds:         true, // a newer node's jobs are left to it
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchPoll,
		JobTimeout:                  JobLimit,
		MaxAttempts:                 MaxAttempts,
		RescueStuckJobsAfter:        RescueAfter,
		RetryPolicy:                 backoff{j.opts.firstRetry},
		ErrorHandler:                reporter{j.opts.Log},
		CompletedJobRetentionPeriod: Retention,
		CancelledJobRetentionPeriod: Retention,
		DiscardedJobRetentionPeriod: Retention,
		ReindexerSchedule:           river.NeverSchedule(), // the program's role owns no index
	}
	if j.timetable != nil {
		config.PeriodicJobs = j.timetable.periodic()
	}
	return config
}

func (j *Jobs) open(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(j.opts.DSN)
	if err != nil {
		return nil, fmt.Errorf("reading the database address: %w", err)
	}
	cfg.MaxConns = poolConns
	cfg.ConnConfig.ConnectTimeout = connectLimit
	cfg.ConnConfig.RuntimeParams["application_name"] = "ticketblue-jobs"
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		// Where the user may not take the role, persistence has said so.
		_, err := conn.Exec(ctx, `SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER')`, appRole)
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// Stop takes up no more jobs and waits for those under way. When ctx ends first their contexts end; what was broken
// off is tried again later.
func (j *Jobs) Stop(ctx context.Context) error {
	if j.worker == nil {
		return nil
	}
	if j.timetable != nil {
		j.timetable.stopping.Store(true)
	}
	var err error
	if len(j.kinds) > 0 {
		err = j.worker.Stop(ctx)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectLimit)
			defer cancel()
			err = errors.Join(err, j.worker.StopAndCancel(hard))
		}
	}
	j.pool.Close()
	j.pool, j.worker = nil, nil
	if err != nil {
		return fmt.Errorf("jobs: stopping: %w", err)
	}
	return nil
}

// backoff doubles the pause with each failure. Spread, so that what failed together does not come back together.
type backoff struct{ first time.Duration }

// NextRetry is when a job that failed is tried again.
func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := LastRetry
	if failed := len(job.Errors) + 1; failed < 20 {
		wait = min(b.first<<(failed-1), LastRetry)
	}
	spread := time.Duration(job.ID%16) * wait / 64 // up to a quarter more, by the job's number
	return time.Now().Add(wait + spread)
}

// reporter tells the log of failures that matter: loudly when it was the last attempt.
type reporter struct{ log *slog.Logger }

// HandleError is told of every attempt that failed.
func (r reporter) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	level, message := slog.LevelDebug, "job failed, it is tried again"
	if noteworthy(job.Attempt) {
		level = slog.LevelWarn
	}
	if job.Attempt >= job.MaxAttempts {
		level, message = slog.LevelError, "job given up: a person must look"
	}
	r.log.Log(ctx, level, message, "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "err", err)
	return nil
}

// noteworthy are the attempts whose failure is worth a line: the fifth, after a quarter of a minute, and from there every
// one that doubles the count. A provider that is silent for an hour makes a few lines for an order, not one a try.
func noteworthy(attempt int) bool {
	for n := firstWarning; n <= attempt; n *= 2 {
		if n == attempt {
			return true
		}
	}
	return false
}

// HandlePanic is told of every attempt that panicked; it counts as failed.
func (r reporter) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	r.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "panic", panicked, "trace", trace)
	return nil
}

-- +goose Up

-- Work by the clock. A task that nobody has kept before starts with what is due from now on.
CREATE TABLE tasks (
    name  text        PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A run goes on from its place, portion by portion: the place moves in the transaction that does the portion.
CREATE TABLE task_runs (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task     text        NOT NULL REFERENCES tasks,
    due      timestamptz NOT NULL, -- the moment of the calendar it is for
    by_user  bigint,               -- who asked for it; NULL: the clock
    dry_run  boolean     NOT NULL,
    state    text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
    began_at timestamptz NOT NULL, -- all of it is computed as of this moment
    moved_at timestamptz NOT NULL, -- when its last portion was done
    ended_at timestamptz,
    place    jsonb       NOT NULL DEFAULT '{}', -- of the task's own making
    portions   bigint      NOT NULL DEFAULT 0,
    looked   bigint      NOT NULL DEFAULT 0,
    done     bigint      NOT NULL DEFAULT 0,
    kept     bigint      NOT NULL DEFAULT 0,
    problem  text        NOT NULL DEFAULT '', -- why the last attempt broke off, or what a person should look at
    CHECK ((state = 'done') = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX task_runs_due ON task_runs (task, due) WHERE by_user IS NULL; -- each moment of the calendar once
CREATE UNIQUE INDEX task_runs_one ON task_runs (task) WHERE state = 'running';
CREATE INDEX task_runs_task ON task_runs (task, id DESC);

-- Who was warned that his account will be closed, since he logged in last or before.
ALTER TABLE users ADD COLUMN dormancy_warned_at timestamptz;

-- Showings of a day, for those who are reminded of them.
CREATE INDEX rounds_starts ON rounds (starts_at);

-- +goose Down
DROP INDEX rounds_starts;
ALTER TABLE users DROP COLUMN dormancy_warned_at;
DROP TABLE task_runs, tasks;

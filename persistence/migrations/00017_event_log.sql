-- +goose Up

-- How far each stream is written to the event log, by a process that may stop and start. Lost marks mean lines twice, with
-- the same ids.
CREATE TABLE event_log_marks (
    stream text   COLLATE "C" PRIMARY KEY,
    seq    bigint NOT NULL CHECK (seq >= 0)
);

-- +goose Down
DROP TABLE event_log_marks;

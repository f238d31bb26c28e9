-- +goose Up

-- The truth: one row per chunk, a chunk being the events of one stream in one commit. Rows are only ever added.
-- A row names its predecessor, so that the insert can refuse a writer whose idea of the stream is out of date.
CREATE TABLE journal (
    stream      text COLLATE "C" NOT NULL CHECK (stream <> ''),
    from_seq    bigint      NOT NULL CHECK (from_seq >= 1),
    to_seq      bigint      NOT NULL CHECK (to_seq >= from_seq),
    prev_from   bigint      NOT NULL CHECK (prev_from >= 0 AND prev_from < from_seq),
    prev_writer uuid        NOT NULL, -- all zeros when there is no predecessor
    writer      uuid        NOT NULL, -- random per activation
    payload     bytea       NOT NULL CHECK (octet_length(payload) > 0),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, from_seq),
    CHECK ((prev_from = 0) = (from_seq = 1))
);

-- A shortcut for loading, never the truth: it is thrown away whenever it does not fit the journal.
CREATE TABLE snapshots (
    stream      text COLLATE "C" PRIMARY KEY,
    seq         bigint      NOT NULL CHECK (seq >= 1),
    head_from   bigint      NOT NULL CHECK (head_from BETWEEN 1 AND seq),
    head_writer uuid        NOT NULL,
    version     integer     NOT NULL,
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    state       bytea       NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per stream: who must wake when, and how far each reader of the journal has come.
CREATE TABLE streams (
    stream        text COLLATE "C" PRIMARY KEY,
    wake_at       timestamptz, -- NULL: nothing is due by time alone
    projected_seq bigint      NOT NULL DEFAULT 0 CHECK (projected_seq >= 0),
    relayed_seq   bigint      NOT NULL DEFAULT 0 CHECK (relayed_seq >= 0),
    retired_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX streams_wake ON streams (wake_at) WHERE wake_at IS NOT NULL AND retired_at IS NULL;

-- The last holder of the serving lock, and whether it left in good order. One row.
CREATE TABLE node_owner (
    singleton   boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    node        text        NOT NULL,
    acquired_at timestamptz NOT NULL,
    released_at timestamptz -- NULL: it holds the lock, or died holding it
);

-- +goose Down
DROP TABLE node_owner, streams, snapshots, journal;

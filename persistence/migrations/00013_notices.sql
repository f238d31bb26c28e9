-- +goose Up

ALTER TABLE users ADD COLUMN language text NOT NULL DEFAULT 'ko' CHECK (language IN ('ko', 'en')); -- of what is written to him

-- What is told outside of the house, once for each fact and channel. Rows hold ids; who is told is looked up when it is.
CREATE TABLE notices (
    fact       text        NOT NULL,
    channel    text        NOT NULL CHECK (channel IN ('mail', 'slack')),
    notice     jsonb       NOT NULL,
    state      text        NOT NULL CHECK (state IN ('waiting', 'sent', 'dead', 'dropped')),
    attempts   integer     NOT NULL DEFAULT 0,
    last_error text        NOT NULL DEFAULT '',
    tries      integer     NOT NULL DEFAULT 1, -- one more for each retry by hand
    created_at timestamptz NOT NULL,           -- or retried by hand
    ended_at   timestamptz,                    -- NULL: waiting
    PRIMARY KEY (fact, channel)
);
CREATE INDEX notices_open ON notices (channel, state, created_at) WHERE state IN ('waiting', 'dead');

-- What customers find in their inbox beside what the read tables say of their holds and coupons.
CREATE TABLE inbox (
    user_id bigint      NOT NULL,
    at      timestamptz NOT NULL, -- when it was put here
    fact    text        NOT NULL UNIQUE,
    kind    text        NOT NULL,
    round   bigint      NOT NULL, -- 0: none
    number  bigint      NOT NULL, -- of the reservation; 0: none
    amount  bigint      NOT NULL,
    until   timestamptz,
    PRIMARY KEY (user_id, at, fact)
);
-- Up to where a customer has read.
CREATE TABLE inbox_read (
    user_id bigint      PRIMARY KEY,
    at      timestamptz NOT NULL,
    fact    text        NOT NULL
);

-- The outbox keeps whole messages, of both channels.
ALTER TABLE outbox
    ADD COLUMN channel text NOT NULL DEFAULT 'mail',
    ADD COLUMN html    text NOT NULL DEFAULT '',
    ADD COLUMN name    text UNIQUE; -- the same message twice is kept once; NULL: it has no name
CREATE TABLE outbox_files (
    message bigint NOT NULL REFERENCES outbox ON DELETE CASCADE,
    number  integer NOT NULL, -- from 0
    name    text   NOT NULL,
    type    text   NOT NULL,
    body    bytea  NOT NULL,
    PRIMARY KEY (message, number)
);

-- +goose Down
DROP TABLE outbox_files, inbox_read, inbox, notices;
ALTER TABLE outbox DROP COLUMN name, DROP COLUMN html, DROP COLUMN channel;
ALTER TABLE users DROP COLUMN language;

-- +goose Up

-- A withdrawn account keeps its row, for what refers to it, and the hash of its e-mail, which nobody may use again.
-- Every account with an e-mail has the hash, so that one unique index settles who was first.
ALTER TABLE users
    ALTER COLUMN email DROP NOT NULL,
    ADD COLUMN email_hash        bytea UNIQUE CHECK (octet_length(email_hash) = 32),
    ADD COLUMN email_verified_at timestamptz, -- NULL: whoever signed up may not be who reads mail there
    ADD COLUMN slack_id          text,
    ADD COLUMN last_login_at     timestamptz,
    ADD COLUMN withdrawn_at      timestamptz;
UPDATE users SET email_hash = sha256(convert_to(email, 'UTF8'));
ALTER TABLE users
    ADD CHECK (email IS NULL OR email_hash IS NOT NULL),
    ADD CHECK (withdrawn_at IS NULL OR (email IS NULL AND name = '' AND password_hash = '' AND slack_id IS NULL));
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';
CREATE INDEX users_withdrawn ON users (withdrawn_at) WHERE withdrawn_at IS NOT NULL;

-- One row per log-in. Only its newest refresh token is good; the one before is known for a moment longer.
CREATE TABLE sessions (
    family        bytea PRIMARY KEY CHECK (octet_length(family) = 16),
    user_id       bigint      NOT NULL REFERENCES users,
    token_hash    bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    previous_hash bytea,       -- NULL: not rotated yet
    nonce         bytea,       -- the newest token follows from the one before and this
    rotated_at    timestamptz,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    CHECK ((previous_hash IS NULL) = (nonce IS NULL) AND (nonce IS NULL) = (rotated_at IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);

-- Somebody as another service knows him.
CREATE TABLE identities (
    provider   text        NOT NULL,
    subject    text        NOT NULL,
    user_id    bigint      NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, subject),
    UNIQUE (user_id, provider)
);

-- A wish for a new password. A wish for an account that does not exist is kept like any other: the same work, and
-- so the same time, for both.
CREATE TABLE password_resets (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint REFERENCES users, -- NULL: there is no such account
    token_hash bytea UNIQUE,            -- NULL: no mail with a token has been written yet
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_expiry ON password_resets (expires_at);
CREATE INDEX password_resets_user ON password_resets (user_id) WHERE user_id IS NOT NULL;

-- Mail that goes nowhere: the newest few, for a developer to read.
CREATE TABLE outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    recipient text        NOT NULL,
    subject   text        NOT NULL,
    body      text        NOT NULL
);

-- What admins did. Lines are added and never changed; grants.sql takes the right to from the program. An act has
-- two, the second naming the first; what only looked has one.
CREATE TABLE audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    begun      bigint UNIQUE REFERENCES audit_log,
    user_id    bigint      NOT NULL,
    operation  text        NOT NULL,
    targets    jsonb       NOT NULL,
    status     integer, -- NULL: not yet
    request_id text        NOT NULL
);

-- +goose Down
DROP TABLE audit_log, outbox, password_resets, identities, sessions;
DROP INDEX users_admins, users_withdrawn;
ALTER TABLE users
    DROP COLUMN email_hash, DROP COLUMN email_verified_at, DROP COLUMN slack_id, DROP COLUMN last_login_at,
    DROP COLUMN withdrawn_at;

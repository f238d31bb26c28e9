-- +goose Up

-- What a payment provider was asked and has answered: the evidence of every call. Lines are added and never changed;
-- grants.sql takes the right to from the program. The journal is what orders rest on, not this.
CREATE TABLE provider_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    round       bigint      NOT NULL,
    number      bigint      NOT NULL,
    attempt     bigint      NOT NULL,
    did         text        NOT NULL CHECK (did IN ('take', 'look', 'return', 'revoke')),
    payment_key text        NOT NULL,
    amount      bigint      NOT NULL, -- asked for, or to give back; 0: all, or nothing
    said        text        NOT NULL CHECK (said IN ('nothing', 'refused', 'missing', 'shown')),
    code        text        NOT NULL, -- why not; '': none
    status      text        NOT NULL, -- of the payment, when shown; '' else
    total       bigint      NOT NULL,
    balance     bigint      NOT NULL,
    is_foreign  boolean     NOT NULL,
    transaction text        NOT NULL, -- the provider's name of the payment's last change
    asked_at    timestamptz NOT NULL,
    took_ms     integer     NOT NULL
);
CREATE INDEX provider_log_order ON provider_log (round, number, attempt, id);
CREATE INDEX provider_log_asked ON provider_log (asked_at);

-- Messages of a provider, or of a forger, about payments that orders know. Each makes us ask once.
CREATE TABLE provider_hints (
    payment_key text        NOT NULL,
    status      text        NOT NULL,
    transaction text        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (payment_key, status, transaction)
);

-- What customers have written when they canceled: for the house, and in no journal, for people can be forgotten.
CREATE TABLE cancel_reasons (
    round   bigint      NOT NULL,
    number  bigint      NOT NULL,
    user_id bigint      NOT NULL,
    reason  text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (round, number)
);

CREATE INDEX orders_payment_key ON orders (payment_key) WHERE payment_key <> '';
CREATE INDEX orders_unsettled ON orders (round, number, attempt) WHERE state IN ('confirming', 'refund_due');

-- +goose Down
DROP INDEX orders_unsettled, orders_payment_key;
DROP TABLE cancel_reasons, provider_hints, provider_log;

-- +goose Up

-- What readers see, folded from the journal by the projector and written by nobody else. All of it may be thrown
-- away and made again, so there are no foreign keys: they would check what the journal has decided already.

ALTER TABLE streams
    ADD COLUMN effects_seq   bigint NOT NULL DEFAULT 0 CHECK (effects_seq >= 0), -- jobs of events up to here are enqueued, for ever
    ADD COLUMN frozen_at     timestamptz, -- the stream contradicts itself: not projected until a person has looked
    ADD COLUMN frozen_reason text;
CREATE INDEX streams_frozen ON streams (stream) WHERE frozen_at IS NOT NULL;

-- What the next event of a round must know of the events before it.
CREATE TABLE round_states (
    round     bigint      PRIMARY KEY,
    plan_hash bytea       NOT NULL,
    phase     text        NOT NULL CHECK (phase IN ('scheduled', 'open', 'paused', 'closed')),
    canceled  boolean     NOT NULL,
    prices    bigint[]    NOT NULL, -- by grade of the plan, for the next hold
    opens_at  timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    closed_at timestamptz           -- NULL: not closed yet
);

CREATE TABLE reservations (
    round      bigint      NOT NULL,
    number     bigint      NOT NULL,
    user_id    bigint      NOT NULL,
    status     text        NOT NULL CHECK (status IN ('held', 'paying', 'confirmed', 'released', 'expired', 'canceled')),
    amount     bigint      NOT NULL, -- of its seats, by the prices at the hold
    held_at    timestamptz NOT NULL, -- never changes
    expires_at timestamptz,          -- NULL: only a command frees the seats
    ended_at   timestamptz,          -- NULL: it lives
    attempt    bigint      NOT NULL, -- of its newest order; 0: none
    refund_due bigint      NOT NULL,
    seq        bigint      NOT NULL, -- the last event that changed it or its orders
    PRIMARY KEY (round, number)
);
CREATE INDEX reservations_user ON reservations (user_id, held_at DESC, round DESC, number DESC);
CREATE INDEX reservations_expiry ON reservations (round, expires_at) WHERE expires_at IS NOT NULL;

-- A reservation's seats; of an ended one those it had at the end.
CREATE TABLE reservation_seats (
    round  bigint  NOT NULL,
    number bigint  NOT NULL,
    seat   integer NOT NULL, -- index in the plan
    price  bigint  NOT NULL,
    live   boolean NOT NULL,
    PRIMARY KEY (round, number, seat)
);
-- The independent auditor: whatever the machine says, a seat is not sold twice without somebody being told.
CREATE UNIQUE INDEX reservation_seats_auditor ON reservation_seats (round, seat) WHERE live;

CREATE TABLE orders (
    round       bigint      NOT NULL,
    number      bigint      NOT NULL,
    attempt     bigint      NOT NULL, -- from 1
    state       text        NOT NULL CHECK (state IN ('open', 'confirming', 'declined', 'paid', 'refund_due', 'refunded')),
    coupon      text        NOT NULL, -- '': none
    amount      bigint,               -- NULL: not priced yet
    refund      bigint      NOT NULL, -- owed or given back, by state
    payment_key text        NOT NULL, -- the provider's; '': not confirmed yet
    pay_by      timestamptz NOT NULL,
    seq         bigint      NOT NULL, -- the last event that changed it
    PRIMARY KEY (round, number, attempt)
);

-- +goose Down
DROP TABLE orders, reservation_seats, reservations, round_states;
ALTER TABLE streams DROP COLUMN frozen_reason, DROP COLUMN frozen_at, DROP COLUMN effects_seq;

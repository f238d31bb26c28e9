-- +goose Up

-- A campaign as it was planned. What became of it since is in its stream.
CREATE TABLE campaigns (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text        NOT NULL,
    stock          integer     NOT NULL CHECK (stock >= 0), -- 0: no limit of its own
    claimable      boolean     NOT NULL, -- false: only the house gives its coupons
    discount_kind  text        NOT NULL CHECK (discount_kind IN ('amount', 'rate')),
    discount_value bigint      NOT NULL, -- won, or percent
    discount_cap   bigint      NOT NULL, -- of a rate, in won
    minimum        bigint      NOT NULL, -- won
    opens_at       timestamptz NOT NULL,
    closes_at      timestamptz NOT NULL,
    expires_at     timestamptz,          -- NULL: life_ms after issue
    life_ms        bigint      NOT NULL, -- 0: expires_at
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What the next event of a campaign must know of the events before it, and what the public list shows.
CREATE TABLE campaign_states (
    campaign  bigint      PRIMARY KEY,
    phase     text        NOT NULL CHECK (phase IN ('scheduled', 'open', 'paused', 'closed')),
    stock     bigint      NOT NULL, -- 0: no limit of its own
    issued    bigint      NOT NULL, -- coupons so far: the newest one's number
    reserved  bigint      NOT NULL CHECK (reserved >= 0), -- now
    redeemed  bigint      NOT NULL CHECK (redeemed >= 0), -- now
    expired   bigint      NOT NULL, -- the life of coupons up to this number is over
    opens_at  timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    -- An independent auditor: whatever the machine says, more than there is is not given away without somebody being told.
    CONSTRAINT campaign_states_auditor CHECK (stock = 0 OR issued <= stock)
);

-- An issued coupon has expired when its number is within campaign_states.expired: a million rows need no writing then.
CREATE TABLE coupons (
    campaign    bigint      NOT NULL,
    number      bigint      NOT NULL,
    user_id     bigint      NOT NULL,
    status      text        NOT NULL CHECK (status IN ('issued', 'reserved', 'redeemed')),
    issued_at   timestamptz NOT NULL, -- never changes
    expires_at  timestamptz NOT NULL,
    round       bigint      NOT NULL, -- of the order that has it or has given it back last; 0: none
    reservation bigint      NOT NULL,
    attempt     bigint      NOT NULL,
    until       timestamptz,          -- when that order can no longer be paid
    discount    bigint      NOT NULL, -- what it takes off that order
    seq         bigint      NOT NULL, -- the last event that changed it
    PRIMARY KEY (campaign, number)
);
-- Another auditor: one to a customer.
CREATE UNIQUE INDEX coupons_auditor ON coupons (campaign, user_id);
CREATE INDEX coupons_user ON coupons (user_id, issued_at DESC, campaign DESC, number DESC);
CREATE INDEX coupons_waiting ON coupons (until, campaign, number) WHERE status = 'reserved';

-- +goose Down
DROP TABLE coupons, campaign_states, campaigns;

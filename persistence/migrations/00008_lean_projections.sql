-- +goose Up

-- The projection of a hold cost more than its sale: nine entries in indexes, where four do. A reservation carries its
-- seats with it; the auditor's table has the live ones only. All of it is made again from the journal.
TRUNCATE reservations, orders, round_states;
DROP INDEX reservations_expiry; -- the projector knows when the next hold expires
DROP TABLE reservation_seats;
ALTER TABLE reservations
    ADD COLUMN seats  integer[] NOT NULL, -- indexes in the plan, ascending; of an ended one those it had at the end
    ADD COLUMN prices bigint[]  NOT NULL, -- of each
    SET (fillfactor = 85);                -- what happens to a reservation changes none of its keys
-- The independent auditor: whatever the machine says, a seat is not sold twice without somebody being told.
CREATE TABLE reservation_seats (
    round  bigint  NOT NULL,
    seat   integer NOT NULL,
    number bigint  NOT NULL, -- the live reservation that has it
    CONSTRAINT reservation_seats_auditor PRIMARY KEY (round, seat)
);
UPDATE streams SET projected_seq = 0 WHERE stream LIKE 'round:%';

-- +goose Down
TRUNCATE reservations, orders, round_states;
DROP TABLE reservation_seats;
ALTER TABLE reservations DROP COLUMN prices, DROP COLUMN seats, RESET (fillfactor);
CREATE INDEX reservations_expiry ON reservations (round, expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE reservation_seats (
    round  bigint  NOT NULL,
    number bigint  NOT NULL,
    seat   integer NOT NULL,
    price  bigint  NOT NULL,
    live   boolean NOT NULL,
    PRIMARY KEY (round, number, seat)
);
CREATE UNIQUE INDEX reservation_seats_auditor ON reservation_seats (round, seat) WHERE live;
UPDATE streams SET projected_seq = 0 WHERE stream LIKE 'round:%';

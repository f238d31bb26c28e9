-- +goose Up

-- What admins keep: who plays what, where and when. Rows that customers' reservations may speak of are marked as
-- deleted and stay. A row's version counts its changes, so that nobody overwrites what he has not seen.

ALTER TABLE halls
    ADD COLUMN address      text    NOT NULL DEFAULT '',
    ADD COLUMN plan_version integer NOT NULL DEFAULT 1, -- counts layouts; rounds keep theirs
    ADD COLUMN version      bigint  NOT NULL DEFAULT 1,
    ADD COLUMN deleted_at   timestamptz;

ALTER TABLE performances
    ADD COLUMN description text   NOT NULL DEFAULT '',
    ADD COLUMN from_day    date, -- in Seoul, as all days
    ADD COLUMN to_day      date,
    ADD COLUMN rating_sum  bigint NOT NULL DEFAULT 0,
    ADD COLUMN ratings     bigint NOT NULL DEFAULT 0,
    ADD COLUMN version     bigint NOT NULL DEFAULT 1,
    ADD COLUMN deleted_at  timestamptz;
UPDATE performances p SET
    from_day = least(created_at, (SELECT min(starts_at) FROM rounds WHERE performance_id = p.id)) AT TIME ZONE 'UTC' + interval '9 hours',
    to_day   = greatest(created_at + interval '1 year', (SELECT max(starts_at) FROM rounds WHERE performance_id = p.id)) AT TIME ZONE 'UTC' + interval '9 hours';
ALTER TABLE performances
    ALTER COLUMN from_day SET NOT NULL,
    ALTER COLUMN to_day SET NOT NULL,
    ADD CONSTRAINT performances_days CHECK (to_day >= from_day),
    ADD CONSTRAINT performances_ratings CHECK (ratings >= 0 AND rating_sum BETWEEN 0 AND 5 * ratings);
CREATE INDEX performances_ending ON performances (to_day, id) WHERE deleted_at IS NULL;
CREATE INDEX performances_category ON performances (category, to_day, id) WHERE deleted_at IS NULL;
CREATE INDEX performances_hall ON performances (hall_id) WHERE deleted_at IS NULL;

ALTER TABLE rounds
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,
    ADD COLUMN deleted_at timestamptz;
CREATE INDEX round_states_open ON round_states (round) WHERE phase = 'open';

CREATE TABLE performers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    name_key   text        COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED, -- lists are in its order
    nation     text        NOT NULL DEFAULT '',
    birth      date,       -- NULL: unknown
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX performers_name ON performers (name_key, id);

CREATE TABLE performance_performers (
    performance_id bigint NOT NULL REFERENCES performances,
    performer_id   bigint NOT NULL REFERENCES performers,
    PRIMARY KEY (performance_id, performer_id)
);
CREATE INDEX performance_performers_performer ON performance_performers (performer_id);

-- One review of each customer for a performance. The reservation that entitled him may be forgotten, so no key.
CREATE TABLE reviews (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    performance_id bigint      NOT NULL REFERENCES performances,
    user_id        bigint      NOT NULL,
    round          bigint      NOT NULL REFERENCES rounds,
    number         bigint      NOT NULL, -- of the reservation in the round
    rate           smallint    NOT NULL CHECK (rate BETWEEN 0 AND 5),
    body           text        NOT NULL,
    version        bigint      NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    edited_at      timestamptz,
    UNIQUE (performance_id, user_id)
);
CREATE INDEX reviews_performance ON reviews (performance_id, id);
CREATE INDEX reviews_user ON reviews (user_id);

-- +goose Down
DROP TABLE reviews, performance_performers, performers;
DROP INDEX round_states_open;
ALTER TABLE rounds DROP COLUMN deleted_at, DROP COLUMN version;
ALTER TABLE performances DROP CONSTRAINT performances_ratings, DROP CONSTRAINT performances_days, DROP COLUMN deleted_at,
    DROP COLUMN version, DROP COLUMN ratings, DROP COLUMN rating_sum, DROP COLUMN to_day, DROP COLUMN from_day, DROP COLUMN description;
ALTER TABLE halls DROP COLUMN deleted_at, DROP COLUMN version, DROP COLUMN plan_version, DROP COLUMN address;

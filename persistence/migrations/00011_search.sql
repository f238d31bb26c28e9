-- +goose Up

-- What is found by words, copied from the catalogue by a follower; all of it may be thrown away and made again. Every
-- kind has two tables: one is searched while the other is empty, or is being made anew.
CREATE TABLE search_sides (
    kind    text    PRIMARY KEY,
    side    text    NOT NULL DEFAULT 'a' CHECK (side IN ('a', 'b')), -- the one that is searched
    version integer NOT NULL DEFAULT 0 -- of the program that made it; 0: nobody has
);
INSERT INTO search_sides (kind) VALUES ('performance'), ('hall'), ('performer');

CREATE TABLE search_performance_a (
    id         text     COLLATE "C" PRIMARY KEY,
    body       jsonb    NOT NULL,             -- the document
    grams      tsvector NOT NULL,             -- each two neighbouring characters of its texts, made by the program
    plain      text     COLLATE "C" NOT NULL, -- its name as it is compared
    letters    text     COLLATE "C" NOT NULL, -- the same, key by key as it is typed
    initials   text     COLLATE "C" NOT NULL, -- the same, first consonants only
    category   text     NOT NULL,
    hall       bigint   NOT NULL,
    performers bigint[] NOT NULL,
    from_day   date     NOT NULL,
    to_day     date     NOT NULL,
    min_price  bigint   NOT NULL,
    max_price  bigint   NOT NULL,
    on_sale    boolean  NOT NULL
);
CREATE INDEX ON search_performance_a USING gin (grams) WITH (fastupdate = off); -- else now and then one change pays for many
CREATE INDEX ON search_performance_a (letters, id);
CREATE INDEX ON search_performance_a (initials, id);
CREATE INDEX ON search_performance_a USING gin (performers) WITH (fastupdate = off);
CREATE INDEX ON search_performance_a (to_day, id);
CREATE TABLE search_performance_b (LIKE search_performance_a INCLUDING ALL);
CREATE TABLE search_hall_a (LIKE search_performance_a INCLUDING ALL);
CREATE TABLE search_hall_b (LIKE search_performance_a INCLUDING ALL);
CREATE TABLE search_performer_a (LIKE search_performance_a INCLUDING ALL);
CREATE TABLE search_performer_b (LIKE search_performance_a INCLUDING ALL);

-- +goose Down
DROP TABLE search_performance_a, search_performance_b, search_hall_a, search_hall_b, search_performer_a, search_performer_b, search_sides;

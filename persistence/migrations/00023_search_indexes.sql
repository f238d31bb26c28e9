-- +goose Up

-- Which collection of a kind was last made whole and put in its place, by whichever engine. One that is searched and is
-- another one is made anew: a swap that was given up came late, old data was brought back, or the engine has changed.
CREATE TABLE search_indexes (
    kind text PRIMARY KEY,
    name text NOT NULL
);
INSERT INTO search_indexes (kind, name) SELECT kind, 'search_' || kind || '_' || side FROM search_sides;

-- +goose Down
DROP TABLE search_indexes;

-- +goose Up

-- An admin looks for reservations by parts of names and titles: by every letter and every two that follow each other,
-- which is how Korean is found in the middle of a word, and by one syllable.
-- +goose StatementBegin
CREATE FUNCTION grams(word text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(DISTINCT substr(lower(word), i, n)), '{}')
          FROM generate_series(1, length(lower(word))) i, generate_series(1, 2) n);
-- +goose StatementEnd
CREATE INDEX users_name_grams ON users USING gin (grams(name)) WHERE withdrawn_at IS NULL;
CREATE INDEX performances_title_grams ON performances USING gin (grams(title));

-- What orders his list. Neither key changes when something happens to a reservation, so its rows are still updated in
-- place; of the amount this is so unless seats move to another reservation.
CREATE INDEX reservations_held ON reservations (held_at, round, number);
CREATE INDEX reservations_amount ON reservations (amount, round, number);

-- +goose Down
DROP INDEX reservations_amount, reservations_held, performances_title_grams, users_name_grams;
DROP FUNCTION grams;

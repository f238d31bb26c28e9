-- +goose Up

-- Rows of streams change with every pass of projector and relay. With room on their pages they are changed in place, as
-- long as wake_at stays: without it each change moves the row and adds to both indexes.
ALTER TABLE streams SET (fillfactor = 50);

-- +goose Down
ALTER TABLE streams RESET (fillfactor);

-- +goose Up

-- Whose poster is which. The pictures lie elsewhere, under names that begin with this one; what no row names is
-- deleted by a job.
CREATE TABLE posters (
    performance_id bigint      PRIMARY KEY REFERENCES performances ON DELETE CASCADE,
    name           text        NOT NULL UNIQUE,
    extension      text        NOT NULL CHECK (extension IN ('jpg', 'png')),
    widths         integer[]   NOT NULL CHECK (cardinality(widths) > 0),
    uploaded_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- +goose Down
DROP TABLE posters;

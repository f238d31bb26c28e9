-- +goose Up

-- Of the newest welcome campaign every new customer is given a coupon. A deleted campaign keeps its row, for its stream
-- and for those who look at it by its id; customers never had a coupon of it.
ALTER TABLE campaigns
    ADD COLUMN welcome    boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at timestamptz;
CREATE INDEX campaigns_welcome ON campaigns (id) WHERE welcome AND deleted_at IS NULL;

-- +goose Down
ALTER TABLE campaigns
    DROP COLUMN welcome, DROP COLUMN deleted_at;

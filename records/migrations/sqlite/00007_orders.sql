-- +goose Up

-- What operators tell the running hubs to do. Old ones are dropped.
CREATE TABLE orders (
    id   BIGINT NOT NULL PRIMARY KEY,
    what TEXT   NOT NULL, -- look, reload, use
    at   BIGINT NOT NULL  -- milliseconds since 1970, UTC, here and below
);

-- The weights of a pool's versions, where they are other than configured.
CREATE TABLE switches (
    pool       TEXT   NOT NULL PRIMARY KEY,
    weights    TEXT   NOT NULL, -- as "blue=0 green=1"
    configured TEXT   NOT NULL, -- a digest of what was configured
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL
);

-- What hubs answered to orders, the last of each.
CREATE TABLE reports (
    node TEXT   NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL, -- the order
    at   BIGINT NOT NULL,
    body TEXT   NOT NULL
);

-- +goose Down
DROP TABLE reports;
DROP TABLE switches;
DROP TABLE orders;

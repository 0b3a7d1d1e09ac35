-- +goose Up

-- What operators tell the running hubs to do. Old ones are dropped.
CREATE TABLE orders (
    id   BIGINT NOT NULL PRIMARY KEY,
    what TEXT COLLATE "C" NOT NULL, -- look, reload, use
    at   BIGINT NOT NULL  -- milliseconds since 1970, UTC, here and below
);

-- The weights of a pool's versions, where they are other than configured.
CREATE TABLE switches (
    pool       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    weights    TEXT COLLATE "C" NOT NULL, -- as "blue=0 green=1"
    configured TEXT COLLATE "C" NOT NULL, -- a digest of what was configured
    at         BIGINT NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL
);

-- What hubs answered to orders, the last of each.
CREATE TABLE reports (
    node TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL, -- the order
    at   BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);

-- +goose Down
DROP TABLE reports;
DROP TABLE switches;
DROP TABLE orders;

-- +goose Up

-- What conversations remember that were idle for long. Their mailboxes name the copy, and
-- have it dropped when they have it back, or have forgotten it.
CREATE TABLE memories (
    ref    TEXT   NOT NULL PRIMARY KEY,
    memory BYTEA  NOT NULL,
    at     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE memories;

-- +goose Up
CREATE TABLE transcripts (
    id              TEXT    NOT NULL PRIMARY KEY,
    direction       TEXT    NOT NULL CHECK (direction IN ('in', 'out')),
    person          TEXT    NOT NULL,
    account         TEXT    NOT NULL,
    place           TEXT    NOT NULL,
    chat            TEXT    NOT NULL,
    thread          TEXT    NOT NULL,
    sender_realm    TEXT    NOT NULL,
    sender_id       TEXT    NOT NULL,
    sender_name     TEXT    NOT NULL,
    sender_handle   TEXT    NOT NULL,
    sender_language TEXT    NOT NULL,
    sender_bot      BOOLEAN NOT NULL,
    envelope        TEXT    NOT NULL,
    native          TEXT    NOT NULL,
    messages        TEXT    NOT NULL, -- JSON: the platform's ids of a reply's messages
    kind            TEXT    NOT NULL,
    skill           TEXT    NOT NULL,
    rule            TEXT    NOT NULL,
    at              BIGINT  NOT NULL, -- milliseconds since 1970, UTC
    body            BYTEA   NOT NULL
);

CREATE INDEX transcripts_by_person ON transcripts (person, at, envelope, direction);

-- Entries of a person up to this time are not stored any more.
CREATE TABLE erasures (
    person TEXT   NOT NULL PRIMARY KEY,
    until  BIGINT NOT NULL -- milliseconds since 1970, UTC
);

-- +goose Down
DROP TABLE erasures;
DROP TABLE transcripts;

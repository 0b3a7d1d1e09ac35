-- +goose Up

-- Which person an account is; one without a row is the person derived from it.
CREATE TABLE links (
    base    TEXT   NOT NULL PRIMARY KEY, -- the person derived from the account
    person  TEXT   NOT NULL,
    realm   TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    handle  TEXT   NOT NULL,
    account TEXT   NOT NULL, -- its private chat: the bot's account, chat, thread; empty when unknown
    chat    TEXT   NOT NULL,
    thread  TEXT   NOT NULL,
    at      BIGINT NOT NULL  -- milliseconds since 1970, UTC, here and below
);

CREATE INDEX links_by_person ON links (person, at, base);

CREATE TABLE link_codes (
    hash    TEXT    NOT NULL PRIMARY KEY, -- keyed; the code itself is nowhere
    turn    TEXT    NOT NULL UNIQUE,
    base    TEXT    NOT NULL,
    realm   TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    handle  TEXT    NOT NULL,
    account TEXT    NOT NULL,
    chat    TEXT    NOT NULL,
    thread  TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    expires BIGINT  NOT NULL,
    spent   BOOLEAN NOT NULL
);

CREATE INDEX link_codes_by_base ON link_codes (base, at);

-- What a turn that changed something was answered, so that its rerun changes nothing
-- and gets the same answer.
CREATE TABLE turn_answers (
    turn    TEXT   NOT NULL PRIMARY KEY,
    base    TEXT   NOT NULL,
    outcome TEXT   NOT NULL,
    answer  TEXT   NOT NULL, -- JSON
    at      BIGINT NOT NULL
);

CREATE INDEX turn_answers_by_base ON turn_answers (base, outcome, at);

-- Who did what to whom. Rows are added and never changed; they hold no words.
CREATE TABLE audit (
    id      TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    PRIMARY KEY (id, subject)
);

CREATE INDEX audit_by_subject ON audit (subject, at);

-- Where an account was last heard in private.
CREATE TABLE addresses (
    base    TEXT   NOT NULL,
    account TEXT   NOT NULL,
    chat    TEXT   NOT NULL,
    thread  TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (base, account)
);

-- Where a person wants to be reached; nothing means where they were last heard.
CREATE TABLE reach (
    person TEXT NOT NULL PRIMARY KEY,
    mode   TEXT NOT NULL,
    base   TEXT NOT NULL
);

-- Keys that the records draw for themselves.
CREATE TABLE record_keys (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- +goose Down
DROP TABLE record_keys;
DROP TABLE reach;
DROP TABLE addresses;
DROP TABLE audit;
DROP TABLE turn_answers;
DROP TABLE link_codes;
DROP TABLE links;

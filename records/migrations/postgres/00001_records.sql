-- +goose Up

-- The tables of migrations/sqlite, with text compared byte by byte: the same order
-- everywhere, and no index that an upgrade of the system's collations spoils.
CREATE TABLE transcripts (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    direction       TEXT COLLATE "C" NOT NULL CHECK (direction IN ('in', 'out')),
    person          TEXT COLLATE "C" NOT NULL,
    account         TEXT COLLATE "C" NOT NULL,
    place           TEXT COLLATE "C" NOT NULL,
    chat            TEXT COLLATE "C" NOT NULL,
    thread          TEXT COLLATE "C" NOT NULL,
    sender_realm    TEXT COLLATE "C" NOT NULL,
    sender_id       TEXT COLLATE "C" NOT NULL,
    sender_name     TEXT COLLATE "C" NOT NULL,
    sender_handle   TEXT COLLATE "C" NOT NULL,
    sender_language TEXT COLLATE "C" NOT NULL,
    sender_bot      BOOLEAN          NOT NULL,
    envelope        TEXT COLLATE "C" NOT NULL,
    native          TEXT COLLATE "C" NOT NULL,
    messages        TEXT COLLATE "C" NOT NULL, -- JSON: the platform's ids of a reply's messages
    kind            TEXT COLLATE "C" NOT NULL,
    skill           TEXT COLLATE "C" NOT NULL,
    rule            TEXT COLLATE "C" NOT NULL,
    at              BIGINT           NOT NULL, -- milliseconds since 1970, UTC, here and below
    body            BYTEA            NOT NULL
);

CREATE INDEX transcripts_by_person ON transcripts (person, at, envelope, direction);

-- Entries of a person up to this time are not stored any more.
CREATE TABLE erasures (
    person TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    until  BIGINT           NOT NULL
);

-- Which entry a message of the bot belongs to.
CREATE TABLE messages (
    account TEXT COLLATE "C" NOT NULL,
    chat    TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    entry   TEXT COLLATE "C" NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    PRIMARY KEY (account, chat, message)
);

CREATE INDEX messages_by_entry ON messages (entry);

-- Which person an account is; one without a row is the person derived from it.
CREATE TABLE links (
    base    TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- the person derived from the account
    person  TEXT COLLATE "C" NOT NULL,
    realm   TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    handle  TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL, -- its private chat: the bot's account, chat, thread; empty when unknown
    chat    TEXT COLLATE "C" NOT NULL,
    thread  TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL
);

CREATE INDEX links_by_person ON links (person, at, base);

CREATE TABLE link_codes (
    hash    TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- keyed; the code itself is nowhere
    turn    TEXT COLLATE "C" NOT NULL UNIQUE,
    base    TEXT COLLATE "C" NOT NULL,
    realm   TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    handle  TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    chat    TEXT COLLATE "C" NOT NULL,
    thread  TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL,
    expires BIGINT           NOT NULL,
    spent   BOOLEAN          NOT NULL
);

CREATE INDEX link_codes_by_base ON link_codes (base, at);

-- What a turn that changed something was answered, so that its rerun changes nothing
-- and gets the same answer.
CREATE TABLE turn_answers (
    turn    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    base    TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    answer  TEXT COLLATE "C" NOT NULL, -- JSON
    at      BIGINT           NOT NULL
);

CREATE INDEX turn_answers_by_base ON turn_answers (base, outcome, at);

-- Who did what to whom. Rows are added and never changed; they hold no words.
CREATE TABLE audit (
    id      TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL,
    actor   TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, subject)
);

CREATE INDEX audit_by_subject ON audit (subject, at);

-- Where an account was last heard in private.
CREATE TABLE addresses (
    base    TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    chat    TEXT COLLATE "C" NOT NULL,
    thread  TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL,
    PRIMARY KEY (base, account)
);

-- Where a person wants to be reached; nothing means where they were last heard.
CREATE TABLE reach (
    person TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    mode   TEXT COLLATE "C" NOT NULL,
    base   TEXT COLLATE "C" NOT NULL
);

-- Keys that the records draw for themselves.
CREATE TABLE record_keys (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA            NOT NULL
);

-- Who each account that was ever linked is now, and in which change of links it became
-- that. It says the same as links, for who asks what changed since.
CREATE TABLE link_versions (
    base    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    person  TEXT COLLATE "C" NOT NULL, -- empty: no link any more
    version BIGINT           NOT NULL
);

CREATE INDEX link_versions_by_version ON link_versions (version);

-- +goose Down
DROP TABLE link_versions;
DROP TABLE record_keys;
DROP TABLE reach;
DROP TABLE addresses;
DROP TABLE audit;
DROP TABLE turn_answers;
DROP TABLE link_codes;
DROP TABLE links;
DROP TABLE messages;
DROP TABLE erasures;
DROP TABLE transcripts;

-- +goose Up

-- What model workers did, one row for each attempt of a request. Rows are added, and only
-- ever changed to no longer tell of whom they are.
CREATE TABLE usage (
    request    TEXT    NOT NULL,
    attempt    BIGINT  NOT NULL,
    outcome    TEXT    NOT NULL,
    trace      TEXT    NOT NULL,
    at         BIGINT  NOT NULL, -- milliseconds since 1970, UTC, here and below
    account    TEXT    NOT NULL, -- who bears it, here to skill
    person     TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    skill      TEXT    NOT NULL,
    pool       TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    worker     TEXT    NOT NULL,
    prompt     BIGINT  NOT NULL, -- tokens, here to completion
    cached     BIGINT  NOT NULL,
    completion BIGINT  NOT NULL,
    estimated  BOOLEAN NOT NULL,
    micros     BIGINT  NOT NULL, -- millionths of the currency
    price      TEXT    NOT NULL, -- the version of the prices; empty without one
    currency   TEXT    NOT NULL,
    PRIMARY KEY (request, attempt, outcome)
);

CREATE INDEX usage_by_time ON usage (at);
CREATE INDEX usage_by_person ON usage (person, at);

-- Rows of a person up to this time are stored without the person.
CREATE TABLE usage_forgotten (
    person TEXT   NOT NULL PRIMARY KEY,
    until  BIGINT NOT NULL
);

-- What was spent in a period that a budget bounds.
CREATE TABLE spent (
    scope  TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    period TEXT   NOT NULL, -- day, month
    starts BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (scope, name, period, starts)
);

CREATE INDEX spent_by_period ON spent (period, starts);

-- +goose Down
DROP TABLE spent;
DROP TABLE usage_forgotten;
DROP TABLE usage;

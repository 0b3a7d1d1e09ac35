-- +goose Up

-- What model workers did, one row for each attempt of a request. Rows are added, and only
-- ever changed to no longer tell of whom they are.
CREATE TABLE usage (
    request    TEXT COLLATE "C" NOT NULL,
    attempt    BIGINT           NOT NULL,
    outcome    TEXT COLLATE "C" NOT NULL,
    trace      TEXT COLLATE "C" NOT NULL,
    at         BIGINT           NOT NULL, -- milliseconds since 1970, UTC, here and below
    account    TEXT COLLATE "C" NOT NULL, -- who bears it, here to skill
    person     TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL,
    skill      TEXT COLLATE "C" NOT NULL,
    pool       TEXT COLLATE "C" NOT NULL,
    version    TEXT COLLATE "C" NOT NULL,
    model      TEXT COLLATE "C" NOT NULL,
    worker     TEXT COLLATE "C" NOT NULL,
    prompt     BIGINT           NOT NULL, -- tokens, here to completion
    cached     BIGINT           NOT NULL,
    completion BIGINT           NOT NULL,
    estimated  BOOLEAN          NOT NULL,
    micros     BIGINT           NOT NULL, -- millionths of the currency
    price      TEXT COLLATE "C" NOT NULL, -- the version of the prices; empty without one
    currency   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (request, attempt, outcome)
);

CREATE INDEX usage_by_time ON usage (at);
CREATE INDEX usage_by_person ON usage (person, at);

-- Rows of a person up to this time are stored without the person.
CREATE TABLE usage_forgotten (
    person TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    until  BIGINT           NOT NULL
);

-- What was spent in a period that a budget bounds.
CREATE TABLE spent (
    scope  TEXT COLLATE "C" NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL, -- day, month
    starts BIGINT           NOT NULL,
    tokens BIGINT           NOT NULL,
    micros BIGINT           NOT NULL,
    PRIMARY KEY (scope, name, period, starts)
);

CREATE INDEX spent_by_period ON spent (period, starts);

-- +goose Down
DROP TABLE spent;
DROP TABLE usage_forgotten;
DROP TABLE usage;

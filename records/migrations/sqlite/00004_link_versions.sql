-- +goose Up

-- Who each account that was ever linked is now, and in which change of links it became
-- that. It says the same as links, for who asks what changed since.
CREATE TABLE link_versions (
    base    TEXT   NOT NULL PRIMARY KEY,
    person  TEXT   NOT NULL, -- empty: no link any more
    version BIGINT NOT NULL
);

CREATE INDEX link_versions_by_version ON link_versions (version);

INSERT INTO link_versions (base, person, version) SELECT base, person, 1 FROM links;

-- +goose Down
DROP TABLE link_versions;

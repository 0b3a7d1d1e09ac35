-- +goose Up
-- Which entry a message of the bot belongs to. Those of entries written before this
-- table are not in it.
CREATE TABLE messages (
    account TEXT NOT NULL,
    chat    TEXT NOT NULL,
    message TEXT NOT NULL,
    entry   TEXT NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    PRIMARY KEY (account, chat, message)
);

CREATE INDEX messages_by_entry ON messages (entry);

-- +goose Down
DROP TABLE messages;

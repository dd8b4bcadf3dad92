-- +goose Up
CREATE TABLE sessions (
    id         TEXT     NOT NULL PRIMARY KEY,
    admin_id   INTEGER  NOT NULL,
    token_hash TEXT     NOT NULL UNIQUE,
    created_at DATETIME NOT NULL,
    seen_at    DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    address    TEXT     NOT NULL,
    user_agent TEXT     NOT NULL
);
CREATE INDEX sessions_admin ON sessions (admin_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

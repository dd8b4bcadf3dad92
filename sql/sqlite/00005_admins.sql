-- +goose Up
CREATE TABLE admins (
    id            INTEGER  NOT NULL PRIMARY KEY AUTOINCREMENT,
    account       TEXT     NOT NULL UNIQUE,
    role          TEXT     NOT NULL,
    password_hash TEXT     NOT NULL,
    must_change   BOOLEAN  NOT NULL,
    disabled      BOOLEAN  NOT NULL,
    created_at    DATETIME NOT NULL,
    updated_at    DATETIME NOT NULL,
    last_login_at DATETIME NULL
);

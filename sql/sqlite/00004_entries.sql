-- +goose Up
-- What lists are made of: one row for each object of the head, kept by the publication that changes it.
-- search is lower case, tags are lines with a line feed on both ends.
CREATE TABLE entries (
    kind       TEXT     NOT NULL,
    name       TEXT     NOT NULL,
    digest     TEXT     NOT NULL,
    origin     INTEGER  NOT NULL,
    revision   INTEGER  NOT NULL,
    created_at DATETIME NOT NULL,
    created_by TEXT     NOT NULL,
    updated_at DATETIME NOT NULL,
    updated_by TEXT     NOT NULL,
    protocol   TEXT     NOT NULL,
    enabled    BOOLEAN  NOT NULL,
    port       INTEGER  NOT NULL,
    expires_at DATETIME NULL,
    tags       TEXT     NOT NULL,
    search     TEXT     NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE INDEX entries_created ON entries (kind, created_at, name);
CREATE INDEX entries_updated ON entries (kind, updated_at, name);

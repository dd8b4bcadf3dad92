-- +goose Up
CREATE TABLE revisions (
    number  INTEGER  NOT NULL PRIMARY KEY,
    digest  TEXT     NOT NULL,
    parent  INTEGER  NOT NULL,
    at      DATETIME NOT NULL,
    account TEXT     NOT NULL,
    message TEXT     NOT NULL,
    added   INTEGER  NOT NULL,
    changed INTEGER  NOT NULL,
    removed INTEGER  NOT NULL,
    changes TEXT     NOT NULL
);
CREATE INDEX revisions_at ON revisions (at);

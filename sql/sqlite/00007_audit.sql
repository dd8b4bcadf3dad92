-- +goose Up
CREATE TABLE audit (
    id             INTEGER  NOT NULL PRIMARY KEY AUTOINCREMENT,
    at             DATETIME NOT NULL,
    principal_kind TEXT     NOT NULL,
    account        TEXT     NOT NULL,
    address        TEXT     NOT NULL,
    request_id     TEXT     NOT NULL,
    action         TEXT     NOT NULL,
    object_kind    TEXT     NOT NULL,
    object_name    TEXT     NOT NULL,
    revision       INTEGER  NOT NULL,
    diff           TEXT     NOT NULL,
    result         TEXT     NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_account ON audit (account, id);
CREATE INDEX audit_object ON audit (object_name, id);

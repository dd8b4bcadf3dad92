-- +goose Up
-- What is published: one row, id 1. The schema columns say which programs fit the tables.
CREATE TABLE head (
    id             INTEGER NOT NULL PRIMARY KEY,
    lineage        TEXT    NOT NULL,
    number         INTEGER NOT NULL,
    digest         TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    schema_oldest  INTEGER NOT NULL
);

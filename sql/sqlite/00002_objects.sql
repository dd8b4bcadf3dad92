-- +goose Up
-- Immutable, named by the SHA-256 of their bytes. Roots and buckets of the tree are objects too.
-- kind and name are those of the first writer, for people: the tree says what an object is.
-- dropped is the revision that ceased to name the object, NULL while head names it.
CREATE TABLE objects (
    digest  TEXT    NOT NULL PRIMARY KEY,
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    bytes   BLOB    NOT NULL,
    dropped INTEGER NULL
);
CREATE INDEX objects_dropped ON objects (dropped);

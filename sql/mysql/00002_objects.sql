-- +goose Up
-- Immutable, named by the SHA-256 of their bytes. Roots and buckets of the tree are objects too.
-- kind and name are those of the first writer, for people: the tree says what an object is.
-- dropped is the revision that ceased to name the object, NULL while head names it.
CREATE TABLE objects (
    digest  CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    kind    VARCHAR(16)     NOT NULL,
    name    VARCHAR(300)    NOT NULL,
    bytes   LONGBLOB        NOT NULL,
    dropped BIGINT UNSIGNED NULL,
    KEY objects_dropped (dropped)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

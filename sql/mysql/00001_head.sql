-- +goose Up
-- What is published: one row, id 1. The schema columns say which programs fit the tables.
CREATE TABLE head (
    id             TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    lineage        VARCHAR(32)      NOT NULL,
    number         BIGINT UNSIGNED  NOT NULL,
    digest         VARCHAR(64)      NOT NULL,
    schema_version INT UNSIGNED     NOT NULL,
    schema_oldest  INT UNSIGNED     NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- +goose Up
CREATE TABLE revisions (
    number  BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    digest  CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    parent  BIGINT UNSIGNED NOT NULL,
    at      DATETIME(3)     NOT NULL,
    account VARCHAR(128)    NOT NULL,
    message VARCHAR(1000)   NOT NULL,
    added   INT UNSIGNED    NOT NULL,
    changed INT UNSIGNED    NOT NULL,
    removed INT UNSIGNED    NOT NULL,
    changes MEDIUMTEXT      NOT NULL,
    KEY revisions_at (at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

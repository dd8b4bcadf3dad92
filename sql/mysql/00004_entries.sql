-- +goose Up
-- What lists are made of: one row for each object of the head, kept by the publication that changes it.
-- search is lower case, tags are lines with a line feed on both ends.
CREATE TABLE entries (
    kind       VARCHAR(16)     NOT NULL,
    name       VARCHAR(300)    NOT NULL,
    digest     CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    origin     BIGINT UNSIGNED NOT NULL,
    revision   BIGINT UNSIGNED NOT NULL,
    created_at DATETIME(3)     NOT NULL,
    created_by VARCHAR(128)    NOT NULL,
    updated_at DATETIME(3)     NOT NULL,
    updated_by VARCHAR(128)    NOT NULL,
    protocol   VARCHAR(16)     NOT NULL,
    enabled    TINYINT(1)      NOT NULL,
    port       INT UNSIGNED    NOT NULL,
    expires_at DATETIME(3)     NULL,
    tags       MEDIUMTEXT      NOT NULL,
    search     MEDIUMTEXT      NOT NULL,
    PRIMARY KEY (kind, name),
    KEY entries_created (kind, created_at, name),
    KEY entries_updated (kind, updated_at, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

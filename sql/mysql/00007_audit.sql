-- +goose Up
CREATE TABLE audit (
    id             BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at             DATETIME(3)     NOT NULL,
    principal_kind VARCHAR(16)     NOT NULL,
    account        VARCHAR(128)    NOT NULL,
    address        VARCHAR(64)     NOT NULL,
    request_id     VARCHAR(64)     NOT NULL,
    action         VARCHAR(64)     NOT NULL,
    object_kind    VARCHAR(16)     NOT NULL,
    object_name    VARCHAR(300)    NOT NULL,
    revision       BIGINT UNSIGNED NOT NULL,
    diff           MEDIUMTEXT      NOT NULL,
    result         VARCHAR(255)    NOT NULL,
    KEY audit_at (at),
    KEY audit_account (account, id),
    KEY audit_object (object_name, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

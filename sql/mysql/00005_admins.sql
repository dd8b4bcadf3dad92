-- +goose Up
CREATE TABLE admins (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    account       VARCHAR(128)    NOT NULL,
    role          VARCHAR(16)     NOT NULL,
    password_hash VARCHAR(255)    NOT NULL,
    must_change   TINYINT(1)      NOT NULL,
    disabled      TINYINT(1)      NOT NULL,
    created_at    DATETIME(3)     NOT NULL,
    updated_at    DATETIME(3)     NOT NULL,
    last_login_at DATETIME(3)     NULL,
    UNIQUE KEY admins_account (account)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

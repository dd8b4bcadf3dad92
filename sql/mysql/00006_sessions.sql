-- +goose Up
CREATE TABLE sessions (
    id         VARCHAR(64)     NOT NULL PRIMARY KEY,
    admin_id   BIGINT UNSIGNED NOT NULL,
    token_hash VARCHAR(128)    NOT NULL,
    created_at DATETIME(3)     NOT NULL,
    seen_at    DATETIME(3)     NOT NULL,
    expires_at DATETIME(3)     NOT NULL,
    address    VARCHAR(64)     NOT NULL,
    user_agent VARCHAR(255)    NOT NULL,
    UNIQUE KEY sessions_token (token_hash),
    KEY sessions_admin (admin_id),
    KEY sessions_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

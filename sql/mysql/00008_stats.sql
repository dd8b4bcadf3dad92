-- +goose Up
-- Rolled-up counts: absolute totals of one process. size is their sum, so that an upsert keeps the later one.
CREATE TABLE stats (
    step        VARCHAR(8)      NOT NULL,
    subject     VARCHAR(400)    NOT NULL,
    bucket      VARCHAR(16)     NOT NULL,
    incarnation VARCHAR(64)     NOT NULL,
    size        BIGINT UNSIGNED NOT NULL,
    counts      TEXT            NOT NULL,
    PRIMARY KEY (step, subject, bucket, incarnation),
    KEY stats_bucket (step, bucket)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

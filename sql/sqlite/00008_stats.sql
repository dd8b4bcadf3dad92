-- +goose Up
-- Rolled-up counts: absolute totals of one process. size is their sum, so that an upsert keeps the later one.
CREATE TABLE stats (
    step        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    bucket      TEXT    NOT NULL,
    incarnation TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    counts      TEXT    NOT NULL,
    PRIMARY KEY (step, subject, bucket, incarnation)
) WITHOUT ROWID;
CREATE INDEX stats_bucket ON stats (step, bucket);

"""The tables of the ledger. Times are Unix seconds."""

from __future__ import annotations

__all__ = ["SCHEMA", "VERSION"]

VERSION = 1

SCHEMA = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS job(
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    revision TEXT,
    endpoint TEXT NOT NULL,
    patterns TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    position REAL NOT NULL,
    commit_id TEXT,
    created_s REAL NOT NULL,
    started_s REAL,
    ended_s REAL,
    active_s REAL NOT NULL DEFAULT 0,
    total_bytes INTEGER,
    done_bytes INTEGER NOT NULL DEFAULT 0,
    fetched_bytes INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    code TEXT,
    error TEXT,
    left_out TEXT NOT NULL DEFAULT '[]',
    rev INTEGER NOT NULL DEFAULT 1
);
-- One job a model that is not over yet, whoever asks at the same time.
CREATE UNIQUE INDEX IF NOT EXISTS job_active
    ON job(endpoint, repository, coalesce(revision, 'main'))
    WHERE state IN ('queued', 'running', 'verifying', 'paused');
CREATE INDEX IF NOT EXISTS job_state ON job(state, priority, position);
CREATE TABLE IF NOT EXISTS job_file(
    job_id TEXT NOT NULL,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    done_bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(job_id, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    job_id TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS event_job ON event(job_id, kind);
-- What was asked for of a commit: the files of a job stay its files after the job is forgotten.
CREATE TABLE IF NOT EXISTS model(
    repository TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    revision TEXT NOT NULL,
    files TEXT,
    pinned INTEGER NOT NULL DEFAULT 0,
    used_s REAL NOT NULL DEFAULT 0,
    PRIMARY KEY(repository, commit_id)
) WITHOUT ROWID;
-- Paths of the commit's other files: not asked for, or not let in.
CREATE TABLE IF NOT EXISTS model_rest(
    repository TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    paths TEXT NOT NULL,
    PRIMARY KEY(repository, commit_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer(
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS session(
    digest TEXT PRIMARY KEY,
    expires_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery(
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_s REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_s REAL,
    status INTEGER,
    error TEXT,
    delivered_s REAL
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery(due_s) WHERE due_s IS NOT NULL;
PRAGMA user_version = {VERSION};
COMMIT;
"""

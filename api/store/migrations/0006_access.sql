-- who did what: rows are never changed, and the hash of each covers the row before it (docs/access.md)
CREATE TABLE audit_log (
    seq       BIGINT PRIMARY KEY,
    commit_no BIGINT NOT NULL,
    at        TEXT NOT NULL,
    who       TEXT NOT NULL,
    what      TEXT NOT NULL,
    subject   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    hash      TEXT NOT NULL
-- the row is in its key, and nowhere else: what is verified is what is read
-- sqlite:) WITHOUT ROWID;
-- postgres:);

-- a row a person who works here; what it was before is in the audit log
CREATE TABLE account (
    name         TEXT PRIMARY KEY,
    roles        TEXT NOT NULL,
    password     TEXT NOT NULL,
    disabled     BIGINT NOT NULL,
    made_at      TEXT NOT NULL,
    changed_at   BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    locked_until TEXT NOT NULL
);

-- a row a program that calls; none is ever deleted
CREATE TABLE api_key (
    key_id         TEXT PRIMARY KEY,
    fixmedins_code TEXT NOT NULL,
    family         TEXT NOT NULL,
    roles          TEXT NOT NULL,
    secret_hash    TEXT NOT NULL,
    public_key     TEXT NOT NULL,
    note           TEXT NOT NULL,
    made_at        TEXT NOT NULL,
    revoked_at     TEXT NOT NULL
);

CREATE TABLE login_session (
    token_hash TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    commit_no  BIGINT NOT NULL,
    made_at    TEXT NOT NULL,
    until_at   TEXT NOT NULL,
    ended_at   TEXT NOT NULL
);

-- what was signed once and may not come again; kept as long as its time stamp would be accepted
CREATE TABLE nonce (
    key_id   TEXT NOT NULL,
    nonce    TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX nonce_until ON nonce (until_at);

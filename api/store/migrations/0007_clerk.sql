-- what a clerk began and a second person has to decide; the deciding is also in the audit log
CREATE TABLE clerk_task (
    task_id    TEXT PRIMARY KEY,
    commit_no  BIGINT NOT NULL,
    made_at    TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    psn_no     TEXT NOT NULL,
    amount     BIGINT NOT NULL,
    document   TEXT NOT NULL,
    state      TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    setl_id    TEXT NOT NULL
);

-- an invoice is paid once, whichever way it comes
CREATE INDEX settlement_invono ON settlement (invono);

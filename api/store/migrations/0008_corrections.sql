-- What became of a settlement afterwards, which itself is never changed: corrections (a clerk applied a proposal) and
-- deductions (taken back from the institution). Postings lie in the ledger under corr_id; what accumulators gain lies
-- under the settlement, in place of what they gained before, so that a reversal frees it like the rest.
CREATE TABLE correction (
    corr_id    TEXT PRIMARY KEY,
    commit_no  BIGINT NOT NULL,
    setl_id    TEXT NOT NULL,
    psn_no     TEXT NOT NULL,
    mdtrt_id   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    corr_time  TEXT NOT NULL,
    as_of      BIGINT NOT NULL,
    bundle     TEXT NOT NULL,
    -- as they stand from now on
    amounts    TEXT NOT NULL,
    -- what the visit was charged more (or less) of the deductible
    deductible BIGINT NOT NULL,
    decision   TEXT NOT NULL
);
CREATE INDEX correction_of_person ON correction (psn_no, commit_no);
CREATE INDEX correction_of_settlement ON correction (setl_id, commit_no);
CREATE INDEX correction_by_commit ON correction (commit_no);

-- a task is a paper claim unless it says otherwise
ALTER TABLE clerk_task ADD COLUMN kind TEXT NOT NULL DEFAULT 'claim';

-- statements of what one pool owes another
CREATE INDEX ledger_clearing ON ledger_entry (account, commit_no) WHERE account >= 'clearing/' AND account < 'clearing0';

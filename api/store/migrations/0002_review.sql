-- Settlement lists (4101) as they were sent, each upload a row: what a stay was, told after it was settled.
CREATE TABLE settlement_list (
    setl_list_id   TEXT PRIMARY KEY,
    commit_no      BIGINT NOT NULL,
    setl_id        TEXT NOT NULL,
    mdtrt_id       TEXT NOT NULL,
    psn_no         TEXT NOT NULL,
    fixmedins_code TEXT NOT NULL,
    setl_ym        TEXT NOT NULL,
    -- when it became known
    known_at       TEXT NOT NULL,
    -- quality control sent it back: it is kept and no fact
    returned       BIGINT NOT NULL,
    facts          TEXT NOT NULL,
    problems       TEXT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX settlement_list_of_person ON settlement_list (psn_no, commit_no);
CREATE INDEX settlement_list_of_month ON settlement_list (fixmedins_code, setl_ym);

-- what a later run said of each finding of a settlement: new, confirmed, changed, withdrawn
CREATE TABLE finding_verdict (
    run_id     TEXT NOT NULL,
    setl_id    TEXT NOT NULL,
    finding_id TEXT NOT NULL,
    commit_no  BIGINT NOT NULL,
    verdict    TEXT NOT NULL,
    PRIMARY KEY (run_id, setl_id, finding_id)
);
CREATE INDEX finding_of_visit ON finding (mdtrt_id);
CREATE INDEX finding_verdict_of_finding ON finding_verdict (setl_id, finding_id);

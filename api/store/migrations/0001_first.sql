-- The books of the agency. Tables that feed facts are append-only and carry the commit that made a
-- row known; a row that ends carries the commit that ended it. Amounts are whole fen (BIGINT).
-- Times are local civil time as text, so that they compare as they sort. migrations/README.md says
-- how one text runs on both databases.

-- the number of the last commit. Who writes locks this row first and keeps it until the commit, so
-- numbers become visible in their order: up to any number, a reader sees everything or will never
CREATE TABLE commit_counter (
    one BIGINT PRIMARY KEY,
    no  BIGINT NOT NULL
);
-- postgres: ALTER TABLE commit_counter SET (fillfactor = 10);
INSERT INTO commit_counter (one, no) VALUES (1, 0);

CREATE TABLE commit_log (
    commit_no BIGINT PRIMARY KEY,
    at        TEXT NOT NULL,
    kind      TEXT NOT NULL
);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- reference data: content-addressed parts, and bundles of parts; never changed once written
CREATE TABLE bundle_part (
    hash    TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    content TEXT NOT NULL
);
CREATE TABLE bundle (
    hash    TEXT PRIMARY KEY,
    parts   TEXT NOT NULL,
    made_at TEXT NOT NULL
);

-- a person's dated rows as one document; each import or filing writes a new version
CREATE TABLE person (
    psn_no    TEXT NOT NULL,
    commit_no BIGINT NOT NULL,
    data      TEXT NOT NULL,
    PRIMARY KEY (psn_no, commit_no)
);
-- the book on which changes of a person's facts are compared and swapped: its version is the commit
-- that last changed anything about the person
CREATE TABLE person_book (
    psn_no    TEXT PRIMARY KEY,
    commit_no BIGINT NOT NULL
);
CREATE TABLE person_cert (
    certno TEXT NOT NULL,
    psn_no TEXT NOT NULL,
    PRIMARY KEY (certno, psn_no)
);

-- an account may belong to several persons, and has a book of its own
CREATE TABLE account_book (
    account   TEXT PRIMARY KEY,
    balance   BIGINT NOT NULL CHECK (balance >= 0),
    commit_no BIGINT NOT NULL
);
-- each change with the balance it left, so that the balance as of a commit is one row
CREATE TABLE account_entry (
    account   TEXT NOT NULL,
    commit_no BIGINT NOT NULL,
    amount    BIGINT NOT NULL,
    balance   BIGINT NOT NULL,
    setl_id   TEXT NOT NULL,
    PRIMARY KEY (account, commit_no)
);
CREATE INDEX account_entry_of_settlement ON account_entry (setl_id) WHERE setl_id <> '';

-- every version of a visit; the newest with commit_no <= as_of is the one that holds
CREATE TABLE visit (
    mdtrt_id       TEXT NOT NULL,
    commit_no      BIGINT NOT NULL,
    psn_no         TEXT NOT NULL,
    fixmedins_code TEXT NOT NULL,
    cancelled      BIGINT NOT NULL,
    data           TEXT NOT NULL,
    PRIMARY KEY (mdtrt_id, commit_no)
);
CREATE INDEX visit_of_person ON visit (psn_no, mdtrt_id, commit_no);

CREATE TABLE fee_line (
    mdtrt_id        TEXT NOT NULL,
    feedetl_sn      TEXT NOT NULL,
    commit_no       BIGINT NOT NULL,
    void_commit     BIGINT,
    chrg_bchno      TEXT NOT NULL,
    init_feedetl_sn TEXT,
    data            TEXT NOT NULL,
    PRIMARY KEY (mdtrt_id, feedetl_sn, commit_no)
);
CREATE INDEX fee_line_refund ON fee_line (mdtrt_id, init_feedetl_sn) WHERE init_feedetl_sn IS NOT NULL;

CREATE TABLE settlement (
    setl_id         TEXT PRIMARY KEY,
    commit_no       BIGINT NOT NULL,
    psn_no          TEXT NOT NULL,
    mdtrt_id        TEXT NOT NULL,
    fixmedins_code  TEXT NOT NULL,
    chrg_bchno      TEXT NOT NULL,
    setl_time       TEXT NOT NULL,
    year            BIGINT NOT NULL,
    reverses        TEXT,
    reversed_commit BIGINT,
    as_of           BIGINT NOT NULL,
    bundle          TEXT NOT NULL,
    msgid           TEXT NOT NULL,
    invono          TEXT NOT NULL,
    request         TEXT NOT NULL,
    -- who the person was and which days were covered, as the answer said
    shown           TEXT NOT NULL,
    amounts         TEXT NOT NULL,
    decision        TEXT NOT NULL
);
CREATE INDEX settlement_of_person ON settlement (psn_no, commit_no);
CREATE INDEX settlement_of_visit ON settlement (mdtrt_id, commit_no);

-- which version of which line a settlement settled, and at what amount
CREATE TABLE settlement_line (
    setl_id     TEXT NOT NULL,
    feedetl_sn  TEXT NOT NULL,
    mdtrt_id    TEXT NOT NULL,
    line_commit BIGINT NOT NULL,
    amount      BIGINT NOT NULL,
    PRIMARY KEY (setl_id, feedetl_sn)
);
CREATE INDEX settlement_line_of_visit ON settlement_line (mdtrt_id, feedetl_sn);

-- the compact history rules read, clustered by person; lines netted of their refunds
CREATE TABLE history_line (
    psn_no       TEXT NOT NULL,
    fee_time     TEXT NOT NULL,
    setl_id      TEXT NOT NULL,
    feedetl_sn   TEXT NOT NULL,
    mdtrt_id     TEXT NOT NULL,
    item         TEXT NOT NULL,
    quantity     BIGINT NOT NULL,
    amount       BIGINT NOT NULL,
    supply_days  BIGINT,
    PRIMARY KEY (psn_no, fee_time, setl_id, feedetl_sn)
);

CREATE TABLE accumulator_entry (
    setl_id      TEXT NOT NULL,
    seq          BIGINT NOT NULL,
    psn_no       TEXT NOT NULL,
    commit_no    BIGINT NOT NULL,
    freed_commit BIGINT,
    acc_key      TEXT NOT NULL,
    period       TEXT NOT NULL,
    disease      TEXT NOT NULL,
    insutype     TEXT NOT NULL,
    mdtrt_id     TEXT NOT NULL,
    amount       BIGINT NOT NULL,
    PRIMARY KEY (setl_id, seq)
);
CREATE INDEX accumulator_of_person ON accumulator_entry (psn_no, commit_no);

CREATE TABLE ledger_entry (
    setl_id   TEXT NOT NULL,
    seq       BIGINT NOT NULL,
    commit_no BIGINT NOT NULL,
    account   TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    PRIMARY KEY (setl_id, seq)
);

CREATE TABLE review_run (
    run_id    TEXT PRIMARY KEY,
    commit_no BIGINT NOT NULL,
    cause     TEXT NOT NULL,
    bundle    TEXT NOT NULL,
    as_of     BIGINT NOT NULL,
    at        TEXT NOT NULL
);
CREATE TABLE finding (
    run_id         TEXT NOT NULL,
    finding_id     TEXT NOT NULL,
    setl_id        TEXT NOT NULL,
    mdtrt_id       TEXT NOT NULL,
    psn_no         TEXT NOT NULL,
    fixmedins_code TEXT NOT NULL,
    rule_code      TEXT NOT NULL,
    rule_version   BIGINT NOT NULL,
    severity       TEXT NOT NULL,
    stage          TEXT NOT NULL,
    charge_amt     BIGINT NOT NULL,
    fund_amt       BIGINT NOT NULL,
    psn_amt        BIGINT NOT NULL,
    data           TEXT NOT NULL,
    found_at       TEXT NOT NULL,
    status         TEXT NOT NULL,
    PRIMARY KEY (run_id, finding_id)
);
CREATE INDEX finding_of_settlement ON finding (setl_id);
CREATE INDEX finding_by_id ON finding (finding_id);
CREATE TABLE feedback (
    fixmedins_code TEXT NOT NULL,
    finding_id     TEXT NOT NULL,
    commit_no      BIGINT NOT NULL,
    before         BIGINT NOT NULL,
    way            TEXT NOT NULL,
    reason         TEXT NOT NULL,
    PRIMARY KEY (fixmedins_code, finding_id, commit_no)
);

-- one row for each committed change, kept for ever: the answer a retry gets
CREATE TABLE message (
    fixmedins_code TEXT NOT NULL,
    infno          TEXT NOT NULL,
    msgid          TEXT NOT NULL,
    input_hash     TEXT NOT NULL,
    commit_no      BIGINT NOT NULL,
    at             TEXT NOT NULL,
    mdtrt_id       TEXT NOT NULL,
    setl_id        TEXT NOT NULL,
    -- null: the message was cancelled by 2601 before it came, and is refused when it does
    answer         TEXT,
    PRIMARY KEY (msgid, fixmedins_code, infno)
);

CREATE TABLE proposal (
    commit_no BIGINT NOT NULL,
    setl_id   TEXT NOT NULL,
    psn_no    TEXT NOT NULL,
    cause     TEXT NOT NULL,
    data      TEXT NOT NULL,
    PRIMARY KEY (commit_no, setl_id)
);
CREATE INDEX proposal_of_person ON proposal (psn_no);

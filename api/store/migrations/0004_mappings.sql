-- What an institution calls its items and which national item each is: a row an upload (3301) or withdrawal (3302);
-- of each pair and first day the last row is what holds.
CREATE TABLE item_mapping (
    fixmedins_code      TEXT NOT NULL,
    fixmedins_hilist_id TEXT NOT NULL,
    list_type           TEXT NOT NULL,
    med_list_codg       TEXT NOT NULL,
    commit_no           BIGINT NOT NULL,
    begndate            TEXT NOT NULL,
    enddate             TEXT NOT NULL,
    withdrawn           BIGINT NOT NULL,
    data                TEXT NOT NULL,
    PRIMARY KEY (fixmedins_code, fixmedins_hilist_id, list_type, med_list_codg, begndate, commit_no)
);
